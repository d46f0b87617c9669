"""The decoder-only transformer that learns from a sequence of examples; with loops, a looped one.

    e_t = read_in([x_t, previous label])
    z_0 = 0,   z ← f(z + e),   f = final LayerNorm ∘ L blocks ∘ (+ positional embedding)
    logits_t = read_out(z at t)

One loop is the plain decoder of Kirsch et al. 2022; more apply the same layers again, the input entering each time, as
in Yang et al. 2023. Attention is causal, so one pass answers at every position.

Legend: B sequences, t examples, x inputs, C classes, D width.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from icltool.core.errors import InputError
from icltool.models.compiled_loop import LoopParts, compiled_loop
from icltool.models.gpicl_config import GpiclModelConfig
from icltool.models.kernels.library import Kernels
from icltool.models.kernels.loop_function import kernels_fit
from icltool.models.layers import INIT_STD, Block, Tokens, initialise_blocks, initialise_linear


class SequenceTransformer(nn.Module):
    """Logits at every position of a sequence of examples."""

    def __init__(
        self, config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None = None
    ) -> None:
        """Weights drawn from `generator`; without one they stay uninitialised, to be loaded."""
        super().__init__()
        self.config = config
        self.read_in = nn.Linear(inputs + classes, config.width)
        self.positions = nn.Embedding(config.context, config.width) if config.positions == "learned" else None
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.L))
        self.final_norm = nn.LayerNorm(config.width)
        self.read_out = nn.Linear(config.width, classes)
        self.kernels: Kernels | None = None
        if generator is not None:
            self._initialise(generator)

    @property
    def state_size(self) -> int:
        """Numbers carried from example to example: key and value of every token, in every layer of every loop."""
        return self.config.context * self.config.L * self.config.loops * 2 * self.config.width

    def forward(
        self, inputs: Float[Tensor, "B t x"], previous_labels: Float[Tensor, "B t C"]
    ) -> Float[Tensor, "B t C"]:
        """Logits of each example's label from the examples before it and its own x.

        Raises `InputError` when the sequence is longer than the positions.
        """
        if self.positions is not None and inputs.shape[1] > self.config.context:
            raise InputError(
                f"the sequences have {inputs.shape[1]} examples, the model has positions for {self.config.context}; "
                "use a smaller --context, or train with a larger one or --positions none"
            )
        prompt = self.read_in(torch.cat([inputs, previous_labels], dim=-1))
        state = self._loop(prompt, prompt, "none")
        for _ in range(self.config.loops - 1):
            state = self._loop(state, prompt, "add")
        return self.read_out(state)

    def _loop(self, state: Tokens, prompt: Tokens, injection: Literal["none", "add"]) -> Tokens:
        """F of the state and what is injected; while training by the compiled kernels, where there are any that fit."""
        positions = None if self.positions is None else self.positions.weight[: state.shape[1]]
        if self.training and self.kernels is not None and kernels_fit(self.kernels, state):
            parts = LoopParts(self.kernels, [*self.blocks], positions, self.final_norm, injection)  # pyright: ignore[reportArgumentType] - a ModuleList yields Modules
            return compiled_loop(parts, state, prompt)
        tokens = state if injection == "none" else state + prompt
        if positions is not None:
            tokens = tokens + positions
        for block in self.blocks:
            tokens = block(tokens)
        return self.final_norm(tokens)

    def _initialise(self, generator: Generator) -> None:
        initialise_linear(self.read_in, generator)
        if self.positions is not None:
            nn.init.normal_(self.positions.weight, std=INIT_STD, generator=generator)
        initialise_blocks(self.blocks, generator)
        initialise_linear(self.read_out, generator)
