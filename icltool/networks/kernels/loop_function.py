"""A whole loop as one differentiable function, by the compiled kernels.

It fuses the injection, the blocks and the final norm, forward and backward, and works on a few prompts at a time.
Backward needs of each block what came in, queries, keys, values, what attention mixed, the MLP's inside and the stream
between; norms, attention weights and the GELU are computed again.

Legend: B prompts, t tokens, r = t / step tokens computed by the last block, D width, H heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from icltool.networks.kernels.library import Gradients, Kept, Kernels, Loop, pointer

# The kernels work on whole vectors of this many floats.
VECTOR = 16
# LayerNorm's, as torch has it.
EPSILON = 1e-5
INJECTIONS = ("none", "add", "mul")
# Weights and biases of a block.
PARAMETERS = 12
Injection = Literal["none", "add", "mul"]


@dataclass(frozen=True, kw_only=True)
class LoopCall:
    """What of a loop is no tensor. The last block is computed at every `step`-th token."""

    kernels: Kernels
    heads: int
    layers: int
    injection: Injection
    has_positions: bool
    has_norm: bool
    step: int = 1
    bf16: bool = False


def kernels_fit(kernels: Kernels, state: Float[Tensor, "B t D"], *, step: int = 1) -> bool:
    """Whether the kernels can compute a loop on this state: float32 or bf16 on a CPU, a width of whole vectors."""
    _, tokens, width = state.shape
    bf16 = torch.is_autocast_enabled("cpu")
    return (
        state.device.type == "cpu"
        and (kernels.has_bf16 if bf16 else state.dtype == torch.float32)
        and width % VECTOR == 0
        and tokens % step == 0
    )


def loop_function(
    call: LoopCall,
    state: Float[Tensor, "B t D"],
    prompt: Float[Tensor, "B t D"],
    parameters: Sequence[Tensor],
) -> Float[Tensor, "B r D"]:
    """The state after one more loop.

    `parameters`: each block's in the order of `Weights` in block.h, then the final norm's, then the positions [t, D],
    those that there are.
    """
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (state, prompt, *parameters))
    dense = [tensor.float().contiguous() for tensor in (state, prompt)]
    return _LoopFunction.apply(call, learning, *dense, *parameters)


class _LoopFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: LoopCall, learning: bool, *tensors: Tensor) -> Tensor:  # noqa: ANN401, FBT001 - torch's context takes any attribute, and torch passes by position
        state, _, *parameters = tensors
        prompts, tokens, width = state.shape
        out = state.new_empty(prompts, tokens // call.step, width)
        kept = _room(state, call) if learning else []
        stream = torch.empty_like(out) if learning and call.has_norm else None
        call.kernels.forward(_loop(call, tensors, stream), _operands(parameters, call), kept, out, bf16=call.bf16)
        if learning:
            ctx.call = call
            ctx.save_for_backward(*tensors, *kept, stream)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as above # pyright: ignore[reportIncompatibleMethodOverride] - torch calls it by position
        call: LoopCall = ctx.call
        *saved, stream = ctx.saved_tensors
        count = call.layers * len(Kept._fields)
        tensors, kept = saved[:-count], saved[-count:]
        state, prompt, *parameters = tensors
        sizes = [parameter.numel() for parameter in parameters]
        loop = _loop(call, tensors, stream)
        gradients = Gradients(
            out=grad_outputs[0].contiguous(),
            x=torch.empty_like(state),
            weights=state.new_zeros(loop.threads, sum(sizes)),
        )
        call.kernels.backward(loop, _operands(parameters, call), kept, gradients, bf16=call.bf16)
        parts = gradients.weights.sum(0).split(sizes)
        of_parameters = [part.view_as(like) for part, like in zip(parts, parameters, strict=True)]
        return None, None, *_of_injection(call.injection, gradients.x, state, prompt), *of_parameters


def _of_injection(kind: Injection, grad: Tensor, state: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor | None]:
    """The gradients of state and prompt, from that of what the first block gets."""
    match kind:
        case "add":
            return grad, grad
        case "mul":
            return grad * prompt, grad * state
        case "none":
            return grad, None


def _loop(call: LoopCall, tensors: Sequence[Tensor], stream: Tensor | None) -> Loop:
    state, prompt, *parameters = tensors
    positions = parameters.pop() if call.has_positions else None
    final = parameters[-2:] if call.has_norm else (None, None)
    threads = torch.get_num_threads()
    where = map(pointer, (state, prompt, positions, *final, stream))
    injection = INJECTIONS.index(call.injection)
    return Loop(*state.shape, call.heads, call.step, EPSILON, call.layers, injection, threads, *where)


def _room(state: Tensor, call: LoopCall) -> list[Tensor]:
    """Empty tensors for what backward needs, each layer's in the order of `Kept`."""
    prompts, tokens, width = state.shape
    stored = state.new_empty(0, dtype=torch.bfloat16 if call.bf16 else torch.float32)
    room: list[Tensor] = []
    for layer in range(call.layers):
        asked = tokens // call.step if layer == call.layers - 1 else tokens
        kept = Kept(
            input=torch.empty_like(state),
            query=stored.new_empty(prompts, asked, width),
            key_value=stored.new_empty(prompts, tokens, 2 * width),
            mixed=stored.new_empty(prompts, asked, width),
            inner=stored.new_empty(prompts, asked, 4 * width),
            middle=state.new_empty(prompts, asked, width),
            log_sum=state.new_empty(prompts, call.heads, asked),
        )
        room.extend(kept)
    return room


def _operands(parameters: Sequence[Tensor], call: LoopCall) -> list[Tensor]:
    """The blocks' parameters with the matrices in the products' type; they must be alive during the call."""
    blocks = parameters[: PARAMETERS * call.layers]
    dtype = torch.bfloat16 if call.bf16 else torch.float32
    return [(parameter.to(dtype) if parameter.ndim == 2 else parameter).detach().contiguous() for parameter in blocks]
