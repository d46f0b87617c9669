"""A whole block as one differentiable function, by the compiled kernels.

It fuses LayerNorm, the projections, causal softmax, residuals, MLP and GELU, forward and backward, and works on a few
prompts at a time. Backward needs queries, keys, values, what attention mixed, the MLP's inside and the stream between;
norms, attention weights and the GELU are computed again.

Legend: B prompts, t tokens, r = t / step tokens computed, D width, H heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from icltool.models.kernels.library import Gradients, Kept, Kernels, sizes_of

# The kernels work on whole vectors of this many floats.
VECTOR = 16
# LayerNorm's, as torch has it.
EPSILON = 1e-5


def kernels_fit(kernels: Kernels, tokens: Tensor, rows: slice | None) -> bool:
    """Whether the kernels can compute this call: float32 or bf16 on a CPU, a width of whole vectors, every k-th row."""
    bf16 = torch.is_autocast_enabled("cpu")
    _, count, width = tokens.shape
    return (
        tokens.device.type == "cpu"
        and tokens.dtype in (torch.float32, torch.bfloat16)
        and width % VECTOR == 0
        and (rows is None or (not rows.start and rows.stop is None and count % (rows.step or 1) == 0))
        and (kernels.has_bf16 if bf16 else tokens.dtype == torch.float32)
    )


def block_function(
    kernels: Kernels,
    tokens: Float[Tensor, "B t D"],
    parameters: list[Tensor],
    *,
    heads: int,
    rows: slice | None = None,
) -> Float[Tensor, "B r D"]:
    """The block, with `rows` at every step-th token only; `parameters` in the order of `Weights` in block.h."""
    step = (rows.step or 1) if rows else 1
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (tokens, *parameters))
    call = _Call(kernels, heads=heads, step=step, bf16=torch.is_autocast_enabled("cpu"), learning=learning)
    return _BlockFunction.apply(call, tokens.float().contiguous(), *parameters)


@dataclass(frozen=True)
class _Call:
    kernels: Kernels
    heads: int
    step: int
    bf16: bool
    learning: bool


class _BlockFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, x: Tensor, *parameters: Tensor) -> Tensor:  # noqa: ANN401 - torch's context takes any attribute
        sizes = sizes_of(x, heads=call.heads, step=call.step, epsilon=EPSILON)
        prompts, tokens, width = x.shape
        out = x.new_empty(prompts, tokens // call.step, width)
        kept = _room(x, call) if call.learning else None
        call.kernels.forward(sizes, _operands(parameters, call), x, out, kept, bf16=call.bf16)
        if kept is not None:
            ctx.call, ctx.sizes = call, sizes
            ctx.save_for_backward(x, *kept, *parameters)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as above # pyright: ignore[reportIncompatibleMethodOverride] - torch calls it by position
        (grad_out,) = grad_outputs
        call: _Call = ctx.call
        x, *saved = ctx.saved_tensors
        kept, parameters = Kept(*saved[: len(Kept._fields)]), saved[len(Kept._fields) :]
        counts = [parameter.numel() for parameter in parameters]
        gradients = Gradients(grad_out.contiguous(), torch.empty_like(x), x.new_zeros(ctx.sizes.threads, sum(counts)))
        call.kernels.backward(ctx.sizes, _operands(parameters, call), x, kept, gradients, bf16=call.bf16)
        parts = gradients.weights.sum(0).split(counts)
        return None, gradients.x, *(part.view_as(like) for part, like in zip(parts, parameters, strict=True))


def _room(x: Tensor, call: _Call) -> Kept:
    """Empty tensors for what backward needs."""
    prompts, tokens, width = x.shape
    asked = tokens // call.step
    stored = x.new_empty(0, dtype=torch.bfloat16 if call.bf16 else torch.float32)
    return Kept(
        query=stored.new_empty(prompts, asked, width),
        key_value=stored.new_empty(prompts, tokens, 2 * width),
        mixed=stored.new_empty(prompts, asked, width),
        inner=stored.new_empty(prompts, asked, 4 * width),
        middle=x.new_empty(prompts, asked, width),
        log_sum=x.new_empty(prompts, call.heads, asked),
    )


def _operands(parameters: Sequence[Tensor], call: _Call) -> list[Tensor]:
    """The parameters with the matrices in the products' type."""
    dtype = torch.bfloat16 if call.bf16 else torch.float32
    return [(parameter.to(dtype) if parameter.ndim == 2 else parameter).detach() for parameter in parameters]
