"""VSML: a network whose every weight is a tiny LSTM, all with the same parameters; it learns in its state.

A layer from A to E neurons is a grid of A·E cells. At each example, from the bottom layer to the top one,

    (h_ae, c_ae) ← LSTM_θ((h_ae, c_ae), [m_a, m̄_e])
    m'_e = (1/A) Σ_a W h_ae + w          forward messages, the m of the layer above
    m̄'_a = (1/E) Σ_e W̄ h_ae + w̄          backward messages, the m̄ of the layer below at the next example

x_t enters as the first number of the bottom layer's m. At the top, m̄ holds the error softmax(logits_{t-1}) - y_{t-1}
and the label y_{t-1}; the first number of the top layer's m' is the logit. θ, W and W̄ are all there is to meta-train,
whatever the layers' sizes. The cells of equal neurons would stay equal for ever, so half of each state starts random,
as a network's weights do; that start is drawn once, is not trained, and is saved with the model.

The paper and its code merge messages by the mean, as here.

Legend: B sequences, t positions, x inputs, C classes, A and E neurons below and above, N state, M message size,
K = N + 2M + 1 numbers a cell reads (h, m, m̄, 1), b sequences worked on together.
Source: Kirsch & Schmidhuber 2021 (arXiv 2012.14905), sections 2 and 3; its defaults N = 16, M = 8.
"""

from itertools import pairwise
from typing import Any, cast

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from icltool.gpicl.learners.config import MESSAGE, GpiclModelConfig

# The backward kernels of both squashings, one pass each.
sigmoid_backward = torch.ops.aten.sigmoid_backward
tanh_backward = torch.ops.aten.tanh_backward

FORGET_BIAS = 1.0
CELLS_TOGETHER = 16_384
"""Cells worked on together on a CPU: few enough for the caches, enough to outweigh the cost of a call."""

State = tuple[Tensor, Tensor]
"""h and c of a layer, [N b A E] each: the cells' numbers as planes, so that every gate is one contiguous stretch."""


class VSML(nn.Module):
    """`layers` grids of cells, from the inputs over hidden neurons to the classes."""

    def __init__(
        self,
        *,
        inputs: int,
        classes: int,
        width: int,
        layers: int,
        state: int = 16,
        generator: Generator | None = None,
    ) -> None:
        """`width` is the number of hidden neurons between two layers, `state` a cell's N.

        Weights and starts are drawn from `generator`; without one they stay uninitialised, to be loaded.
        """
        super().__init__()
        self.state = state
        sizes = [inputs, *([width] * (layers - 1)), classes]
        self.grids = list(pairwise(sizes))
        self.cell = nn.Parameter(torch.empty(4 * state, state + 2 * MESSAGE + 1))
        self.forward_message = nn.Parameter(torch.empty(MESSAGE, state + 1))
        self.backward_message = nn.Parameter(torch.empty(MESSAGE, state + 1))
        for layer, (below, above) in enumerate(self.grids):
            self.register_buffer(f"start_{layer}", torch.empty(state, below, above))
        if generator is not None:
            self._initialise(generator)

    @property
    def state_size(self) -> int:
        """N numbers for each cell, as the papers count it (c; with h it is twice as much)."""
        return self.state * sum(below * above for below, above in self.grids)

    def forward(
        self, inputs: Float[Tensor, "B t x"], previous_labels: Float[Tensor, "B t C"]
    ) -> Float[Tensor, "B t C"]:
        """Logits of the label at every position, from the inputs up to it and the labels before it."""
        cells = sum(below * above for below, above in self.grids)
        together = max(1, CELLS_TOGETHER // cells) if inputs.device.type == "cpu" else len(inputs)
        parts = zip(inputs.split(together), previous_labels.split(together), strict=True)
        return torch.cat([self._learn(*part) for part in parts])

    def _learn(self, inputs: Tensor, previous_labels: Tensor) -> Tensor:
        """`forward` for a few sequences."""
        b = len(inputs)
        dtype = self.cell.dtype
        images = pad(rearrange(inputs.to(dtype), "b t x -> t 1 b x"), (0, 0, 0, 0, 0, MESSAGE - 1))
        labels = rearrange(previous_labels.to(dtype), "b t C -> t b C")
        no_error = torch.zeros_like(labels[0])
        no_message = no_error.new_zeros(MESSAGE - 2, *no_error.shape)
        states = [self._start(layer, b) for layer in range(len(self.grids))]
        backward_messages = [self.cell.new_zeros(MESSAGE, b, above) for _, above in self.grids]
        logits: list[Tensor] = []
        for image, label in zip(images.unbind(), labels.unbind(), strict=True):
            error = logits[-1].softmax(dim=-1) - label if logits else no_error
            backward_messages[-1] = torch.cat([rearrange([error, label], "two b C -> two b C"), no_message])
            message = image
            for layer in range(len(self.grids)):
                hidden, cell = cast("State", _Cells.apply(*states[layer], message, backward_messages[layer], self.cell))
                states[layer] = hidden, cell
                message = _sent(hidden.mean(dim=2), self.forward_message)
                if layer > 0:
                    backward_messages[layer - 1] = _sent(hidden.mean(dim=3), self.backward_message)
            logits.append(message[0])
        return torch.stack(logits, dim=1)

    def _start(self, layer: int, b: int) -> State:
        start = repeat(getattr(self, f"start_{layer}"), "N A E -> N b A E", b=b)
        return torch.zeros_like(start), start

    def _initialise(self, generator: Generator) -> None:
        """Weights U(-1/√in, 1/√in), biases 0 but for the LSTM's to remember; half of each c starts from N(0, 1)."""
        for parameter in (self.cell, self.forward_message, self.backward_message):
            bound = (parameter.shape[1] - 1) ** -0.5
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
            nn.init.zeros_(parameter[:, -1])
        with torch.no_grad():
            self.cell[self.state : 2 * self.state, -1] = FORGET_BIAS
        for layer in range(len(self.grids)):
            start = cast("Tensor", getattr(self, f"start_{layer}"))
            start.normal_(generator=generator)[self.state // 2 :] = 0


def build(config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None) -> VSML:
    """The learner of these settings."""
    return VSML(
        inputs=inputs,
        classes=classes,
        width=config.width,
        layers=config.L,
        state=config.cell_state,
        generator=generator,
    )


def _sent(hidden: Float[Tensor, "N b neurons"], weight: Float[Tensor, "M N+1"]) -> Float[Tensor, "M b neurons"]:
    """The messages of merged states; the weight's last column is the bias."""
    flat = rearrange(hidden, "N b neurons -> N (b neurons)")
    sent = torch.addmm(weight[:, -1:], weight[:, :-1], flat)
    return rearrange(sent, "M (b neurons) -> M b neurons", b=hidden.shape[1])


class _Cells(torch.autograd.Function):
    """One step of every LSTM of a grid: (h, c [N b A E], m [M b A], m̄ [M b E], θ [4N K]) → (h, c).

    Only states and messages are kept for the gradient; what the cells read and their gates, five times as much, is
    computed again: the cache holds it then, while fetching it from memory would take as long.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - what apply passes on
        ctx: Any,  # noqa: ANN401 - torch's context has no public type
        hidden: Tensor,
        cell: Tensor,
        message: Tensor,
        backward_message: Tensor,
        weight: Tensor,
    ) -> State:
        i, f, o, g = _gates(_read(hidden, message, backward_message), weight).unbind()
        after = torch.mul(f, cell).addcmul_(i, g)
        ctx.save_for_backward(hidden, cell, message, backward_message, weight, after)
        return torch.tanh(after).mul_(o), after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401  # pyright: ignore[reportIncompatibleMethodOverride] - torch wraps it for one derivative
        hidden, cell, message, backward_message, weight, after = ctx.saved_tensors
        of_hidden, of_after = grad_outputs
        N, M = len(hidden), len(message)
        read = _read(hidden, message, backward_message)
        gates = _gates(read, weight)
        i, f, o, g = gates.unbind()
        squashed = torch.tanh(after)
        slopes = torch.empty_like(gates)
        torch.mul(of_hidden, squashed, out=slopes[2])
        of_cell = tanh_backward(of_hidden * o, squashed).add_(of_after)
        torch.mul(of_cell, g, out=slopes[0])
        torch.mul(of_cell, cell, out=slopes[1])
        torch.mul(of_cell, i, out=slopes[3])
        sigmoid_backward(slopes[:3], gates[:3], grad_input=slopes[:3])
        tanh_backward(slopes[3], g, grad_input=slopes[3])
        of_cell.mul_(f)
        flat = slopes.view(len(weight), -1)
        of_read = (weight.t() @ flat).view_as(read)
        of_message = of_read[N : N + M].sum(dim=3)
        of_backward_message = of_read[N + M : N + 2 * M].sum(dim=2)
        of_weight = flat @ read.view(len(read), -1).t()
        return of_read[:N], of_cell, of_message, of_backward_message, of_weight


def _read(hidden: Tensor, message: Tensor, backward_message: Tensor) -> Tensor:
    """What every cell reads [K b A E]: its h, its m, its m̄, and a 1 for the bias."""
    N, M = len(hidden), len(message)
    read = hidden.new_empty(N + 2 * M + 1, *hidden.shape[1:])
    read[:N] = hidden
    read[N : N + M] = rearrange(message, "M b A -> M b A 1")
    read[N + M : N + 2 * M] = rearrange(backward_message, "M b E -> M b 1 E")
    read[-1] = 1
    return read


def _gates(read: Tensor, weight: Tensor) -> Tensor:
    """The gates i, f, o, g as [4 N b A E], squashed."""
    gates = (weight @ read.view(len(read), -1)).view(4, -1, *read.shape[1:])
    gates[:3].sigmoid_()
    gates[3].tanh_()
    return gates
