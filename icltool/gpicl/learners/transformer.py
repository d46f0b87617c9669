"""The decoder-only transformer that learns from a sequence of examples; with loops, a looped one.

    e_t = read_in([x_t, previous label])
    z_0 = 0,   z ← f(z + e),   f = final LayerNorm ∘ L blocks ∘ (+ positional embedding)
    logits_t = read_out(z at t)

One loop is the plain decoder of Kirsch et al. 2022; more apply the same layers again, the input entering each time, as
in Yang et al. 2023. Attention is causal, so one pass answers at every position.

Legend: B sequences, t examples, x inputs, C classes, D width.
"""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from icltool.core.errors import InputError
from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.networks.loop import LoopedBlocks


class SequenceTransformer(LoopedBlocks):
    """Logits at every position of a sequence of examples."""

    def __init__(
        self, config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None = None
    ) -> None:
        """Weights drawn from `generator`; without one they stay uninitialised, to be loaded."""
        super().__init__(
            inputs=inputs + classes,
            outputs=classes,
            width=config.width,
            heads=config.heads,
            layers=config.L,
            positions=config.context if config.positions == "learned" else 0,
            injection="add",
            generator=generator,
        )
        self.config = config

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
        state = self.initial_state(prompt)
        for _ in range(self.config.loops):
            state = self.loop(state, prompt)
        return self.read_out(state)


def build(config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None) -> SequenceTransformer:
    """The learner of these settings."""
    return SequenceTransformer(config, inputs=inputs, classes=classes, generator=generator)
