"""One loop as one differentiable function, by the compiled kernels; the package's docstring states the contract.

Legend: B prompts, t tokens, r = t / step tokens computed by the last block, D width, H heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from icltool.networks.kernels.library import (
    BLOCK_PARAMETERS,
    INJECTIONS,
    WIDTH_MULTIPLE,
    Gradients,
    Injection,
    Kept,
    Kernels,
    Loop,
    Sizes,
    pointer,
)
from icltool.networks.layers import MLP_RATIO


@dataclass(frozen=True, kw_only=True)
class LoopCall:
    """The settings of a call, all that is not a tensor. The last block is computed at every `step`-th token."""

    kernels: Kernels
    heads: int
    layers: int
    injection: Injection
    has_positions: bool
    has_norm: bool
    epsilon: float
    step: int = 1
    bf16: bool = False


def kernels_fit(kernels: Kernels, state: Float[Tensor, "B t D"], *, step: int = 1) -> bool:
    """Whether the kernels can compute a loop on this state: its device, type and sizes, as the contract says."""
    _, tokens, width = state.shape
    bf16 = torch.is_autocast_enabled("cpu")
    return (
        state.device.type == "cpu"
        and (kernels.has_bf16 if bf16 else state.dtype == torch.float32)
        and width % WIDTH_MULTIPLE == 0
        and tokens % step == 0
    )


def loop_function(
    call: LoopCall,
    state: Float[Tensor, "B t D"],
    prompt: Float[Tensor, "B t D"],
    parameters: Sequence[Tensor],
) -> Float[Tensor, "B r D"]:
    """The state after one more loop, differentiable in state, prompt and parameters.

    `parameters` are in the contract's order: the blocks', the final LayerNorm's, the positions.
    """
    needs_backward = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (state, prompt, *parameters))
    dense = [tensor.float().contiguous() for tensor in (state, prompt)]
    return _LoopFunction.apply(call, needs_backward, *dense, *parameters)


class _LoopFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: LoopCall, needs_backward: bool, *tensors: Tensor) -> Tensor:  # noqa: ANN401, FBT001 - torch's context takes any attribute, and torch passes by position
        state, _, *parameters = tensors
        prompts, tokens, width = state.shape
        out = state.new_empty(prompts, tokens // call.step, width)
        kept = _empty_kept(state, call) if needs_backward else []
        before_final_norm = torch.empty_like(out) if needs_backward and call.has_norm else None
        loop = _loop(call, tensors, before_final_norm)
        call.kernels.forward(loop, _block_weights(parameters, call), kept, out, bf16=call.bf16)
        if needs_backward:
            ctx.call = call
            ctx.save_for_backward(*tensors, *kept, before_final_norm)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as above # pyright: ignore[reportIncompatibleMethodOverride] - torch calls it by position
        call: LoopCall = ctx.call
        *saved, before_final_norm = ctx.saved_tensors
        count = call.layers * len(Kept._fields)
        tensors, kept = saved[:-count], saved[-count:]
        state, prompt, *parameters = tensors
        sizes = [parameter.numel() for parameter in parameters]
        loop = _loop(call, tensors, before_final_norm)
        gradients = Gradients(
            out=grad_outputs[0].contiguous(),
            x=torch.empty_like(state),
            parameters=state.new_zeros(loop.threads, sum(sizes)),
        )
        call.kernels.backward(loop, _block_weights(parameters, call), kept, gradients, bf16=call.bf16)
        parts = gradients.parameters.sum(0).split(sizes)
        of_parameters = [part.view_as(like) for part, like in zip(parts, parameters, strict=True)]
        return None, None, *_injection_gradients(call.injection, gradients.x, state, prompt), *of_parameters


def _injection_gradients(kind: Injection, grad: Tensor, state: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor | None]:
    """The gradients of state and prompt, from that of what the first block gets."""
    match kind:
        case "add":
            return grad, grad
        case "mul":
            return grad * prompt, grad * state
        case "none":
            return grad, None


def _loop(call: LoopCall, tensors: Sequence[Tensor], before_final_norm: Tensor | None) -> Loop:
    """The numbers and pointers of a call; the tensors must be alive during it."""
    state, prompt, *parameters = tensors
    positions = parameters.pop() if call.has_positions else None
    final_norm = parameters[-2:] if call.has_norm else (None, None)
    sizes = Sizes(*state.shape, call.heads, call.step, call.epsilon)
    injection = INJECTIONS.index(call.injection)
    pointers = map(pointer, (state, prompt, positions, *final_norm, before_final_norm))
    return Loop(sizes, call.layers, injection, torch.get_num_threads(), *pointers)


def _empty_kept(state: Tensor, call: LoopCall) -> list[Tensor]:
    """Empty tensors for what backward needs, each layer's in the order of `Kept`."""
    prompts, tokens, width = state.shape
    stored = state.new_empty(0, dtype=torch.bfloat16 if call.bf16 else torch.float32)
    tensors: list[Tensor] = []
    for layer in range(call.layers):
        queries = tokens // call.step if layer == call.layers - 1 else tokens
        kept = Kept(
            input=torch.empty_like(state),
            query=stored.new_empty(prompts, queries, width),
            key_value=stored.new_empty(prompts, tokens, 2 * width),
            attended=stored.new_empty(prompts, queries, width),
            pre_gelu=stored.new_empty(prompts, queries, MLP_RATIO * width),
            after_attention=state.new_empty(prompts, queries, width),
            log_sum_exp=state.new_empty(prompts, call.heads, queries),
        )
        tensors.extend(kept)
    return tensors


def _block_weights(parameters: Sequence[Tensor], call: LoopCall) -> list[Tensor]:
    """The blocks' parameters, matrices in the type of the products' operands; they must be alive during the call."""
    blocks = parameters[: BLOCK_PARAMETERS * call.layers]
    dtype = torch.bfloat16 if call.bf16 else torch.float32
    return [(parameter.to(dtype) if parameter.ndim == 2 else parameter).detach().contiguous() for parameter in blocks]
