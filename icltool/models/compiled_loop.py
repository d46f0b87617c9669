"""A loop of a model's own modules by the compiled kernels: what `LoopedTransformer.loop` computes, in one call."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from icltool.models.kernels.library import Kernels
from icltool.models.kernels.loop_function import Injection, LoopCall, loop_function
from icltool.models.layers import Block, Tokens


@dataclass(frozen=True)
class LoopParts:
    """What a loop is made of; the positions are those of its tokens."""

    kernels: Kernels
    blocks: list[Block]
    positions: Float[Tensor, "t D"] | None
    final_norm: nn.LayerNorm | None
    injection: Injection


def compiled_loop(parts: LoopParts, state: Tokens, prompt: Tokens, *, step: int = 1) -> Float[Tensor, "B r D"]:
    """The state after one more loop, at every `step`-th token."""
    call = LoopCall(
        kernels=parts.kernels,
        heads=parts.blocks[0].attention.heads,
        layers=len(parts.blocks),
        injection=parts.injection,
        has_positions=parts.positions is not None,
        has_norm=parts.final_norm is not None,
        step=step,
        bf16=torch.is_autocast_enabled("cpu"),
    )
    norm, positions = parts.final_norm, parts.positions
    parameters = [parameter for block in parts.blocks for parameter in block.in_order()]
    parameters += [] if norm is None else [norm.weight, norm.bias]
    parameters += [] if positions is None else [positions]
    return loop_function(call, state, prompt, parameters)
