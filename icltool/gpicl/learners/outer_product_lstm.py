"""The outer-product LSTM: an LSTM whose cell is a matrix per head, written to by keys and values, read by a query.

    i, f, o, q, k, v = W [token_t, h] + b         (i and f: one number a head)
    C ← σ(f) C + σ(i) k vᵀ
    h = σ(o) ⊙ tanh(qᵀ C)

Its state grows with the square of the width, the number of weights as a plain LSTM's does. The input's part of W is
applied to all positions in one product; the sweep over the positions has its gradient written out, since the graph of
fifty tiny steps costs more than their arithmetic.

Legend: B sequences, t positions, x inputs, C classes, D width, H heads, k = v = D / H, G = 4 D + 2 H gates.
Source: Kirsch et al. 2022 (arXiv 2212.04458), section 4.2, after Schlag et al. 2021 (arXiv 2102.11174).
"""

from typing import Any, cast

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable

from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.networks.layers import initialise_linear

FORGET_BIAS = 3.0


class OuterProductLSTM(nn.Module):
    """A stack of outer-product LSTM layers of one width and a linear read-out."""

    def __init__(
        self, *, inputs: int, classes: int, width: int, layers: int, heads: int, generator: Generator | None = None
    ) -> None:
        """Weights drawn from `generator`; without one they are torch's own, to be loaded over."""
        super().__init__()
        sizes = [inputs + classes, *([width] * (layers - 1))]
        self.layers = nn.ModuleList(OuterProductLayer(size, width, heads=heads) for size in sizes)
        self.read_out = nn.Linear(width, classes)
        if generator is not None:
            for layer in self.layers:
                cast("OuterProductLayer", layer).initialise(generator)
            initialise_linear(self.read_out, generator)

    @property
    def state_size(self) -> int:
        """Numbers in the cell matrices of all layers, L H k v."""
        return sum(cast("OuterProductLayer", layer).state_size for layer in self.layers)

    def forward(
        self, inputs: Float[Tensor, "B t x"], previous_labels: Float[Tensor, "B t C"]
    ) -> Float[Tensor, "B t C"]:
        """Logits of the label at every position, from the inputs up to it and the labels before it."""
        hidden = torch.cat([inputs, previous_labels], dim=-1)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.read_out(hidden)


def build(config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None) -> OuterProductLSTM:
    """The learner of these settings."""
    return OuterProductLSTM(
        inputs=inputs, classes=classes, width=config.width, layers=config.L, heads=config.heads, generator=generator
    )


class OuterProductLayer(nn.Module):
    """One layer; the rows of both weights are o, f, i, q, k, v, the sigmoid gates first."""

    def __init__(self, inputs: int, width: int, *, heads: int) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.of_input = nn.Linear(inputs, 4 * width + 2 * heads)
        self.of_hidden = nn.Linear(width, 4 * width + 2 * heads, bias=False)

    @property
    def state_size(self) -> int:
        """Numbers in the cell matrices, H k v."""
        return self.width * self.width // self.heads

    def forward(self, tokens: Float[Tensor, "B t inputs"]) -> Float[Tensor, "B t D"]:
        """The hidden state after every token."""
        # The sweep writes into buffers of one type, so a half-precision projection is widened first.
        projected = rearrange(self.of_input(tokens), "B t G -> t B G").to(self.of_hidden.weight.dtype).contiguous()
        hidden = cast("Tensor", _Sweep.apply(projected, self.of_hidden.weight, self.heads))
        return rearrange(hidden, "t B D -> B t D")

    def initialise(self, generator: Generator) -> None:
        """U(-1/√in, 1/√in) by the size of [token, h]; cells start out keeping most of what was written."""
        bound = (self.of_input.in_features + self.width) ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        with torch.no_grad():
            self.of_input.bias[self.width : self.width + self.heads] += FORGET_BIAS


class _Gates:
    """Views of a [t, B, G] buffer by what its columns mean, each of length t and ready to multiply [B, H, k, v]."""

    def __init__(self, buffer: Tensor, heads: int) -> None:
        width = (buffer.shape[-1] - 2 * heads) // 4
        o, f, i, q, k, v = buffer.split([width, heads, heads, width, width, width], dim=-1)
        self.sigmoids = buffer[..., : width + 2 * heads]
        self.o = rearrange(o, "t B (H v) -> t B H v", H=heads)
        self.f = rearrange(f, "t B H -> t B H 1 1")
        self.i = rearrange(i, "t B H -> t B H 1 1")
        self.q = rearrange(q, "t B (H k) -> t B H k 1", H=heads)
        self.k = rearrange(k, "t B (H k) -> t B H k 1", H=heads)
        self.v = rearrange(v, "t B (H v) -> t B H 1 v", H=heads)


class _Sweep(torch.autograd.Function):
    """(projected [t B G], weight [G D], heads) → hidden [t B D], with its gradient."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, weight: Tensor, heads: int) -> Tensor:  # noqa: ANN401 - torch's context has no public type
        t, B, _ = projected.shape
        width = weight.shape[1]
        side = width // heads
        values = torch.empty_like(projected)
        hidden = projected.new_zeros(t + 1, B, width)
        cell = projected.new_zeros(t + 1, B, heads, side, side)
        read = projected.new_empty(t, B, heads, side)
        gate = _Gates(values, heads)
        by_head = rearrange(hidden, "t B (H v) -> t B H v", H=heads)
        key = projected.new_empty(B, heads, side, 1)
        answers = torch.empty_like(cell[0])
        from_hidden = weight.t().contiguous()
        for s in range(t):
            torch.addmm(projected[s], hidden[s], from_hidden, out=values[s])
            gate.sigmoids[s].sigmoid_()
            torch.mul(gate.k[s], gate.i[s], out=key)
            after = torch.mul(cell[s], gate.f[s], out=cell[s + 1]).addcmul_(key, gate.v[s])
            torch.mul(after, gate.q[s], out=answers)
            torch.sum(answers, dim=-2, out=read[s]).tanh_()
            torch.mul(read[s], gate.o[s], out=by_head[s + 1])
        ctx.save_for_backward(values, hidden, cell, read, weight)
        ctx.heads = heads
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401  # pyright: ignore[reportIncompatibleMethodOverride] - torch wraps it for one derivative
        values, hidden, cell, read, weight = ctx.saved_tensors
        (grad,) = grad_outputs
        gate = _Gates(values, ctx.heads)
        slopes = torch.empty_like(values)
        slope = _Gates(slopes, ctx.heads)
        of_sigmoids = gate.sigmoids * (1 - gate.sigmoids)
        of_read = gate.o * (1 - read.square())
        grad_by_head = rearrange(grad, "t B (H v) -> t B H v", H=ctx.heads)
        of_cell = torch.zeros_like(cell[0])
        products = torch.empty_like(of_cell)
        from_later = torch.zeros_like(grad_by_head[0])
        for s in reversed(range(len(values))):
            of_hidden = from_later.add_(grad_by_head[s])
            torch.mul(of_hidden, read[s], out=slope.o[s])
            of_answer = rearrange(of_hidden * of_read[s], "B H v -> B H 1 v")
            of_cell.addcmul_(gate.q[s], of_answer)
            torch.sum(torch.mul(cell[s + 1], of_answer, out=products), dim=-1, keepdim=True, out=slope.q[s])
            torch.sum(torch.mul(of_cell, cell[s], out=products), dim=(-2, -1), keepdim=True, out=slope.f[s])
            of_key = torch.mul(of_cell, gate.v[s], out=products).sum(dim=-1, keepdim=True)
            torch.sum(of_key * gate.k[s], dim=-2, keepdim=True, out=slope.i[s])
            torch.mul(of_key, gate.i[s], out=slope.k[s])
            torch.mul(of_cell, gate.k[s] * gate.i[s], out=products)
            torch.sum(products, dim=-2, keepdim=True, out=slope.v[s])
            of_cell.mul_(gate.f[s])
            slope.sigmoids[s].mul_(of_sigmoids[s])
            from_later = rearrange(slopes[s] @ weight, "B (H v) -> B H v", H=ctx.heads)
        of_weight = einsum(slopes, hidden[:-1], "t B G, t B D -> G D")
        return slopes, of_weight, None
