"""Probes: small networks that decode a vector from a hidden state, all of them as one set of stacked tensors.

    pooled = Σ_t softmax(α)_t z_t                     α: one learned number a token
    ŵ      = Linear(h, d)(relu(Linear(D, h)(pooled)))     or, linear, Linear(D, d)(pooled)

Every pair of a state and a target has a probe of its own; none shares a number with another. A batch of prompts goes
through all the probes of some states in a handful of batched products, so states are laid out tokens first.

Legend: S states (s of them at once), k targets of a state, B prompts, t = 2n tokens, D width, h hidden units,
d dimensions.
Source: Yang et al. 2023 (arXiv 2311.12424), section 5.3.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Generator, Tensor, nn

FLOAT_BYTES = 4


class ProbeSizes(NamedTuple):
    """How many probes there are, and how large. `hidden` = 0: linear probes."""

    states: int
    targets: int
    tokens: int
    width: int
    hidden: int
    d: int


class Probes(nn.Module):
    """The parameters of states × targets probes: α ~ N(0, 1), the maps from torch's default for a Linear."""

    def __init__(self, sizes: ProbeSizes, *, generator: Generator) -> None:
        super().__init__()
        self.sizes = sizes
        self.pooling = nn.Parameter(torch.randn(sizes.states, sizes.targets, sizes.tokens, generator=generator))
        maps = [sizes.width, *([sizes.hidden] if sizes.hidden else []), sizes.d]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for inside, outside in pairwise(maps):
            self.weights.append(self._uniform(inside, outside, bound=inside**-0.5, generator=generator))
            self.biases.append(self._uniform(1, outside, bound=inside**-0.5, generator=generator))

    def tensors(self) -> list[nn.Parameter]:
        """The parameters in the order that `decode` takes them: α, then weight and bias of each map."""
        return [self.pooling, *(part for pair in zip(self.weights, self.biases, strict=True) for part in pair)]

    def of_states(self, first: int, count: int) -> list[Tensor]:
        """The probes of `count` states as leaves of their own, sharing memory with the parameters."""
        return [tensor.detach()[first : first + count].requires_grad_() for tensor in self.tensors()]

    def states_within(self, memory: int, *, batch: int) -> int:
        """How many states' probes fit `memory` bytes with their states, activations and gradients; at least 1."""
        _, targets, tokens, width, hidden, d = self.sizes
        # Forward and backward each hold the pooled state and the hidden units; the error and its square at the end.
        numbers = tokens * width + targets * (2 * width + 3 * hidden + 4 * d)
        return max(1, min(self.sizes.states, memory // (FLOAT_BYTES * batch * numbers)))

    def _uniform(self, inside: int, outside: int, *, bound: float, generator: Generator) -> nn.Parameter:
        drawn = torch.rand(self.sizes.states, self.sizes.targets, inside, outside, generator=generator)
        return nn.Parameter((2 * drawn - 1) * bound)


def decode(probes: Sequence[Tensor], states: Float[Tensor, "s t B D"]) -> Float[Tensor, "s k B d"]:
    """What each probe of these states makes of each prompt; `probes` as `Probes.of_states` or `tensors` gives them."""
    pooling, *maps = probes
    _, _, batch, width = states.shape
    targets = pooling.shape[1]
    pooled = torch.bmm(pooling.softmax(-1), rearrange(states, "s t B D -> s t (B D)"))
    decoded = rearrange(pooled, "s k (B D) -> (s k) B D", B=batch, D=width)
    last = len(maps) // 2 - 1
    for index, (weight, bias) in enumerate(zip(maps[::2], maps[1::2], strict=True)):
        flat_weight, flat_bias = rearrange(weight, "s k i o -> (s k) i o"), rearrange(bias, "s k l o -> (s k) l o")
        decoded = torch.baddbmm(flat_bias, decoded, flat_weight)
        decoded = decoded if index == last else decoded.relu()
    return rearrange(decoded, "(s k) B d -> s k B d", k=targets)


def prompt_errors(
    probes: Sequence[Tensor], states: Float[Tensor, "s t B D"], targets: Float[Tensor, "k B d"]
) -> Float[Tensor, "s k B"]:
    """Each probe's squared error on each prompt, the mean over the d coordinates (not over prompts or targets)."""
    return (decode(probes, states) - targets).square().mean(-1)


def probe_gradients(
    probes: Sequence[Tensor], states: Float[Tensor, "s t B D"], targets: Float[Tensor, "k B d"]
) -> tuple[Float[Tensor, ""], Sequence[Tensor]]:
    """The sum over the probes of each one's mean error, and its gradient for each of the tensors.

    A sum, so that each probe gets the gradient it would get alone: its mean squared error over prompts and coordinates.
    """
    with torch.enable_grad():
        loss = prompt_errors(probes, states, targets).mean(-1).sum()
        gradients = torch.autograd.grad(loss, list(probes))
    return loss.detach(), gradients
