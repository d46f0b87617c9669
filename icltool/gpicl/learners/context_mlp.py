"""Learners that fit an MLP to the context by gradient descent: from scratch (SGD), or from a learned start (MAML).

    θ_0 given;  θ_{s+1} = θ_s - η_s ∇ (1/i) Σ_{j<i} cross-entropy(mlp_{θ_s}(x_j), y_j)
    logits at position i = mlp_{θ_S}(x_i)

Every position has its own θ, fitted on exactly the examples before it; all positions and sequences are fitted at once.
With nothing seen the MLP answers as it starts. A step uses the whole context (at most some hundred examples), so an
epoch is one step.

No position's first layer W1 is ever formed. A gradient step adds to W1 a sum of outer products of slopes and inputs,
so what it does to the sums that enter the hidden units is

    W1_s x_j + b1_s = W1_0 x_j + b1_0 - Σ_i (x_j·x_i + 1) P_i,    P_i = Σ_{steps} η δ_i

with δ_i the slope of the loss at example i's sums: the inner products are shared by all positions, and the first step,
taken where all positions still agree, costs next to nothing.

Legend: B sequences, t positions, p positions asked for, x inputs, h hidden units, C classes, r readings.
Source: Finn et al. 2017 (arXiv 1703.03400); as baselines Kirsch et al. 2022 (arXiv 2212.04458), table 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn.functional import linear, pad, relu

from icltool.core.errors import InputError
from icltool.gpicl.learners.config import GpiclModelConfig

Weights = dict[str, Tensor]
"""Of one MLP: `W1` [h x], `b1` [h], `W2` [C h], `b2` [C]."""


def fitted_logits(
    start: Weights,
    inputs: Float[Tensor, "B t x"],
    previous_labels: Float[Tensor, "B t C"],
    *,
    positions: Int[Tensor, " p"],
    step_sizes: Sequence[float | Tensor],
    read_after: Sequence[int],
) -> Float[Tensor, "r B p C"]:
    """Logits at the positions asked for, read after each of these numbers of steps (ascending, at least 1).

    Differentiable in the start and the step sizes, to any order that the ReLU has.
    """
    # The label of example j arrives with position j + 1; the last example's is neither known nor needed.
    labels = rearrange(pad(previous_labels[:, 1:], (0, 0, 0, 1)), "B t C -> B 1 t C")
    seen = torch.arange(inputs.shape[1], device=inputs.device) < rearrange(positions, "p -> p 1")
    share = rearrange(seen.to(inputs.dtype) / rearrange(positions.clamp(min=1), "p -> p 1"), "p t -> p t 1")
    # The bias is the weight of a further input that is always 1, hence the 1 in every inner product.
    products = einsum(inputs, inputs, "B j x, B i x -> B j i") + 1
    at_start = linear(inputs, start["W1"], start["b1"])
    outer, bias = rearrange(start["W2"], "C h -> 1 1 C h"), rearrange(start["b2"], "C -> 1 1 1 C")
    pushed, readings = None, list[Tensor]()
    for step, size in enumerate(step_sizes[: read_after[-1]], start=1):
        sums = rearrange(at_start, "B t h -> B 1 t h")
        if pushed is not None:
            sums = sums - rearrange(products, "B j i -> B 1 j i") @ pushed
        hidden = relu(sums)
        error = (hidden @ rearrange(outer, "B p C h -> B p h C") + bias).softmax(dim=-1) - labels
        push = (error @ outer) * (sums > 0) * (size * share)
        pushed = push if pushed is None else pushed + push
        error = error * (size * share)
        outer = outer - rearrange(error, "B p t C -> B p C t") @ hidden
        bias = bias - reduce(error, "B p t C -> B p 1 C", "sum")
        if step in read_after:
            moved = einsum(products[:, positions], pushed, "B p i, B p i h -> B p h")
            query = relu(at_start[:, positions] - moved)
            readings.append(einsum(query, outer, "B p h, B p C h -> B p C") + rearrange(bias, "B p 1 C -> B p C"))
    return torch.stack(readings)


class MAML(nn.Module):
    """A 2-layer MLP whose start and step sizes are meta-trained, so that a few steps on a context suffice."""

    def __init__(
        self,
        *,
        inputs: int,
        classes: int,
        width: int,
        steps: int,
        step_size: float = 0.1,
        generator: Generator | None = None,
    ) -> None:
        """Weights drawn from `generator`; without one they stay uninitialised, to be loaded.

        `step_size` is where the learned size of each step starts; their logarithms are learned, so they stay positive.
        """
        super().__init__()
        drawn = new_weights(inputs=inputs, classes=classes, width=width, generator=generator)
        self.start = nn.ParameterDict({name: nn.Parameter(weight) for name, weight in drawn.items()})
        self.log_step_sizes = nn.Parameter(torch.full((steps,), log(step_size)))

    @property
    def state_size(self) -> int:
        """What a fitted context leaves behind: one MLP's weights."""
        return number_of_weights(dict(self.start))

    def forward(
        self,
        inputs: Float[Tensor, "B t x"],
        previous_labels: Float[Tensor, "B t C"],
        *,
        positions: Int[Tensor, " p"] | None = None,
    ) -> Float[Tensor, "B p C"]:
        """Logits at the given positions (all of them by default), each after the steps on the examples before it.

        Differentiable through the steps (second order), for the outer optimiser.
        """
        step_sizes = self.log_step_sizes.exp().unbind()
        readings = fitted_logits(
            dict(self.start),
            inputs,
            previous_labels,
            positions=checked_positions(positions, inputs),
            step_sizes=step_sizes,
            read_after=[len(step_sizes)],
        )
        return readings[0]


def build_maml(config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None) -> MAML:
    """The learner of these settings."""
    return MAML(
        inputs=inputs,
        classes=classes,
        width=config.width,
        steps=config.inner_steps,
        step_size=config.inner_step_size,
        generator=generator,
    )


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How the learner from scratch fits: the number of steps over the whole context and their size."""

    steps: int
    step_size: float


class ContextSGD(nn.Module):
    """A 2-layer MLP from one random start, fitted anew to every context; nothing is meta-trained."""

    def __init__(
        self, *, inputs: int, classes: int, width: int, descent: Descent, generator: Generator | None = None
    ) -> None:
        """The start drawn from `generator`; without one it stays uninitialised, to be loaded."""
        super().__init__()
        self.descent = descent
        drawn = new_weights(inputs=inputs, classes=classes, width=width, generator=generator)
        for name, weight in drawn.items():
            self.register_buffer(name, weight)

    @property
    def start(self) -> Weights:
        """The weights every fit starts from."""
        return dict(self.named_buffers())

    @property
    def state_size(self) -> int:
        """What a fitted context leaves behind: one MLP's weights."""
        return number_of_weights(self.start)

    @torch.no_grad()
    def forward(
        self,
        inputs: Float[Tensor, "B t x"],
        previous_labels: Float[Tensor, "B t C"],
        *,
        positions: Int[Tensor, " p"] | None = None,
    ) -> Float[Tensor, "B p C"]:
        """Logits at the given positions (all of them by default), each after fitting the examples before it."""
        return self._read(inputs, previous_labels, positions, self.descent.step_size, [self.descent.steps])[0]

    @torch.no_grad()
    def choose(
        self,
        inputs: Float[Tensor, "B t x"],
        previous_labels: Float[Tensor, "B t C"],
        labels: Int[Tensor, "B t"],
        *,
        step_sizes: Sequence[float],
        steps: Sequence[int],
    ) -> Descent:
        """Adopt and return the descent with the highest accuracy on the last example of these sequences.

        They must come from tasks that are not measured later. Of equally accurate descents the first of the fewest
        steps is taken. One pass a step size serves all step counts.
        """
        counts = sorted(steps)
        last = torch.tensor([inputs.shape[1] - 1], device=inputs.device)
        best, best_accuracy = self.descent, -1.0
        accuracies = {
            step_size: (self._read(inputs, previous_labels, last, step_size, counts).argmax(-1) == labels[:, last])
            .float()
            .mean(dim=(1, 2))
            .tolist()
            for step_size in step_sizes
        }
        for index, count in enumerate(counts):
            for step_size, accuracy in accuracies.items():
                if accuracy[index] > best_accuracy:
                    best, best_accuracy = Descent(steps=count, step_size=step_size), accuracy[index]
        self.descent = best
        return best

    def _read(
        self,
        inputs: Tensor,
        previous_labels: Tensor,
        positions: Tensor | None,
        step_size: float,
        read_after: Sequence[int],
    ) -> Tensor:
        return fitted_logits(
            self.start,
            inputs,
            previous_labels,
            positions=checked_positions(positions, inputs),
            step_sizes=[step_size] * read_after[-1],
            read_after=read_after,
        )


def build_sgd(config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None) -> ContextSGD:
    """The learner of these settings."""
    return ContextSGD(
        inputs=inputs,
        classes=classes,
        width=config.width,
        descent=Descent(steps=config.inner_steps, step_size=config.inner_step_size),
        generator=generator,
    )


def new_weights(*, inputs: int, classes: int, width: int, generator: Generator | None) -> Weights:
    """A 2-layer MLP's weights with torch's default distribution, U(-1/√in, 1/√in); uninitialised without generator."""
    weights = {
        "W1": torch.empty(width, inputs),
        "b1": torch.empty(width),
        "W2": torch.empty(classes, width),
        "b2": torch.empty(classes),
    }
    if generator is not None:
        for name, fan_in in {"W1": inputs, "b1": inputs, "W2": width, "b2": width}.items():
            nn.init.uniform_(weights[name], -(fan_in**-0.5), fan_in**-0.5, generator=generator)
    return weights


def number_of_weights(weights: Weights) -> int:
    """How many numbers an MLP has."""
    return sum(weight.numel() for weight in weights.values())


def checked_positions(positions: Int[Tensor, " p"] | None, inputs: Float[Tensor, "B t x"]) -> Int[Tensor, " p"]:
    """All positions by default; raises `InputError` for one outside of the sequences."""
    length = inputs.shape[1]
    if positions is None:
        return torch.arange(length, device=inputs.device)
    if positions.numel() == 0 or int(positions.min()) < 0 or int(positions.max()) >= length:
        raise InputError(f"the sequences have positions 0 to {length - 1}, asked were {positions.tolist()}")
    return positions
