"""The one loop: L transformer blocks applied over and over to a state, plain or by the compiled kernels.

    e    = read_in(tokens)
    z_0  = 0  (add) | 1 (mul) | e (none)
    z_t  = f(z_{t-1} + e)  |  f(z_{t-1} ⊙ e)  |  f(z_{t-1})
    f    = final LayerNorm ∘ L blocks ∘ (+ positional embedding)

A model is made of `LoopedBlocks`: it says what a token is, how many loops run, and what `read_out` means.

Legend: B batch, t tokens, r = t / step tokens computed by the last block, D width.
Source: Yang et al. 2023 (arXiv 2311.12424), section 4.
"""

import logging
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from icltool.core.compiler import CompilerError
from icltool.core.runtime import Runtime
from icltool.networks.kernels.library import Injection, Kernels, load_kernels
from icltool.networks.kernels.loop_function import LoopCall, kernels_fit, loop_function
from icltool.networks.layers import INIT_STD, Block, Tokens, initialise_blocks, initialise_linear

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenLayout:
    """Tokens that are not a plain causal sequence: each one's position, and the tokens it sees (row: the seer)."""

    places: Int[Tensor, " t"]
    visible: Bool[Tensor, "t t"]


class LoopedBlocks(nn.Module):
    """A block of L layers with what enters, is read out, and is added in every loop; it owns the loop."""

    def __init__(
        self,
        *,
        inputs: int,
        outputs: int,
        width: int,
        heads: int,
        layers: int,
        positions: int,
        injection: Injection,
        gelu: Literal["tanh", "exact"] = "tanh",
        final_norm: bool = True,
        generator: Generator | None = None,
    ) -> None:
        """Weights drawn from `generator`; without one they stay uninitialised, to be loaded.

        `positions` is the number of tokens with a learned positional embedding, 0 for none.
        """
        super().__init__()
        self.injection: Injection = injection
        self.read_in = nn.Linear(inputs, width)
        self.positions = nn.Embedding(positions, width) if positions else None
        self.blocks = nn.ModuleList(Block(width, heads, gelu_form=gelu) for _ in range(layers))
        self.final_norm = nn.LayerNorm(width) if final_norm else None
        self.read_out = nn.Linear(width, outputs)
        self.kernels: Kernels | None = None
        if generator is not None:
            self._initialise(generator)

    def initial_state(self, prompt: Tokens) -> Tokens:
        """z_0: the value that injection leaves unchanged, or the prompt itself where nothing is injected."""
        match self.injection:
            case "add":
                return torch.zeros_like(prompt)
            case "mul":
                return torch.ones_like(prompt)
            case "none":
                return prompt

    def loop(
        self, state: Tokens, prompt: Tokens, layout: TokenLayout | None = None, *, step: int = 1
    ) -> Float[Tensor, "B r D"]:
        """One loop: inject the prompt into the state, then apply f; with `step`, the result at each step-th token only.

        While training, by the compiled kernels where the model has them and they fit: the same numbers to rounding. A
        model that computes a loop in another way overrides this method, and not a part of it.
        """
        if self.training and layout is None and self.kernels and kernels_fit(self.kernels, state, step=step):
            return self._compiled_loop(self.kernels, state, prompt, step=step)
        visible = None if layout is None else layout.visible
        tokens = self._injected(state, prompt, layout)
        for block in self.blocks[:-1]:
            tokens = block(tokens, visible)
        rows = None if step == 1 else slice(0, None, step)
        state = self.blocks[-1](tokens, visible, rows=rows)
        return state if self.final_norm is None else self.final_norm(state)

    def _injected(self, state: Tokens, prompt: Tokens, layout: TokenLayout | None) -> Tokens:
        """What f's blocks see: the prompt injected into the state, positions added."""
        match self.injection:
            case "add":
                tokens = state + prompt
            case "mul":
                tokens = state * prompt
            case "none":
                tokens = state
        if self.positions is None:
            return tokens
        places = slice(tokens.shape[1]) if layout is None else layout.places
        return tokens + self.positions.weight[places]

    def _compiled_loop(self, kernels: Kernels, state: Tokens, prompt: Tokens, *, step: int) -> Float[Tensor, "B r D"]:
        """The only place where the kernels are called; `icltool.networks.kernels` states what they take and keep."""
        blocks: list[Block] = [*self.blocks]  # pyright: ignore[reportAssignmentType] - a ModuleList yields Modules
        parameters = [parameter for block in blocks for parameter in block.in_order()]
        if self.final_norm is not None:
            parameters += [self.final_norm.weight, self.final_norm.bias]
        if self.positions is not None:
            parameters.append(self.positions.weight[: state.shape[1]])
        call = LoopCall(
            kernels=kernels,
            heads=blocks[0].attention.heads,
            layers=len(blocks),
            injection=self.injection,
            has_positions=self.positions is not None,
            has_norm=self.final_norm is not None,
            epsilon=blocks[0].attention_norm.eps,
            step=step,
            bf16=torch.is_autocast_enabled("cpu"),
        )
        return loop_function(call, state, prompt, parameters)

    def _initialise(self, generator: Generator) -> None:
        initialise_linear(self.read_in, generator)
        if self.positions is not None:
            nn.init.normal_(self.positions.weight, std=INIT_STD, generator=generator)
        initialise_blocks(self.blocks, generator)
        initialise_linear(self.read_out, generator)


def compile_model(model: nn.Module, runtime: Runtime) -> None:
    """Make training calls of the model take the compiled path, where the run asks for it: same numbers to rounding.

    On a CPU its `LoopedBlocks` take the C++ kernels, which compute GELU in its tanh form only; where these cannot be
    compiled or loaded, one line says why and the model stays as it is. On a GPU torch.compile takes the whole model.
    """
    if not runtime.compiled:
        return
    if runtime.device.type != "cpu":
        model.compile()
        return
    for part in model.modules():
        if isinstance(part, LoopedBlocks) and all(block.mlp.approximate == "tanh" for block in part.blocks):  # pyright: ignore[reportAttributeAccessIssue] - a ModuleList yields Modules
            try:
                part.kernels = load_kernels()
            except CompilerError as error:
                log.warning("not compiled: %s", error)
