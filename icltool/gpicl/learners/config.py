"""The architecture of a learner that learns in context, as stored in its checkpoint's header."""

from typing import Literal

from pydantic import model_validator

from icltool.core.config import setting
from icltool.gpicl.data.config import SequenceConfig

GROUP = "Learner"
# Numbers of a message between the neurons of vsml; its source's default.
MESSAGE = 8


class GpiclModelConfig(SequenceConfig):
    """Which learner, and how large (Kirsch et al. 2022, section 4)."""

    learner: Literal["transformer", "lstm", "op-lstm", "vsml", "mlp", "sgd", "maml"] = setting(
        "transformer", "What learns from the examples of a sequence.", group=GROUP
    )
    L: int = setting(2, "Layers.", group=GROUP, ge=1, le=512)
    width: int = setting(64, "Width D of the hidden state.", group=GROUP, ge=1, le=65_536)
    heads: int = setting(4, "Attention heads, or memory matrices of the op-lstm; divides the width.", group=GROUP, ge=1)
    loops: int = setting(
        1, "Times the transformer's layers are applied (its input enters each time).", group=GROUP, ge=1
    )
    positions: Literal["learned", "none"] = setting("learned", "The transformer's positional embedding.", group=GROUP)
    cell_state: int = setting(
        16, "State of each of vsml's cells; its width is the number of hidden neurons.", group=GROUP, ge=2, le=1024
    )
    inner_steps: int = setting(1, "Gradient steps on the context, for maml and sgd.", group=GROUP, ge=1, le=100_000)
    inner_step_size: float = setting(
        0.1, "Size of such a step: where maml's learned sizes start, and sgd's.", group=GROUP, gt=0
    )

    @model_validator(mode="after")
    def _check_heads(self) -> "GpiclModelConfig":
        if self.learner in {"transformer", "op-lstm"} and self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}; choose a divisor of it")
        return self

    @property
    def label(self) -> str:
        """What a figure's legend calls the learner: `transformer L=2 D=64`."""
        loops = f" loops={self.loops}" if self.loops > 1 else ""
        return f"{self.learner} L={self.L} D={self.width}{loops}"
