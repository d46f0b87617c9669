"""The architecture of an in-context transformer, as stored in every checkpoint's header."""

from typing import Literal

from pydantic import model_validator

from icltool.core.config import Config, setting
from icltool.regression.data.config import PromptSizeConfig

GROUP = "Model"


class TransformerConfig(Config):
    """Yang et al. 2023 (arXiv 2311.12424), section 4: a block of L layers, applied b times."""

    architecture: Literal["looped", "standard", "tied"] = setting(
        "looped", "looped: the prompt enters at every loop; standard: one pass; tied: loops without it.", group=GROUP
    )
    L: int = setting(1, "Layers in the block.", group=GROUP, ge=1, le=512)
    b: int = setting(8, "Loops in training (1 for a standard model).", group=GROUP, ge=1, le=10_000)
    width: int = setting(64, "Width D of a token.", group=GROUP, ge=1, le=65_536)
    heads: int = setting(4, "Attention heads; divides the width.", group=GROUP, ge=1, le=1024)
    injection: Literal["add", "mul"] = setting(
        "add", "How the prompt enters a loop: f(z + e) from 0, or f(z * e) from 1.", group=GROUP
    )
    gelu: Literal["tanh", "exact"] = setting("tanh", "Form of the GELU.", group=GROUP)
    positions: Literal["learned", "none"] = setting("learned", "Positional embedding.", group=GROUP)
    final_norm: bool = setting(default=True, help="LayerNorm after the block, in every loop.", group=GROUP)

    @model_validator(mode="after")
    def _check_heads(self) -> "TransformerConfig":
        if self.width % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide a width of {self.width}; choose a divisor such as {_divisor(self)}"
            )
        return self

    @property
    def loops(self) -> int:
        """Loops of a forward pass as trained: b, or 1 for a standard model."""
        return 1 if self.architecture == "standard" else self.b


class RegressionModelConfig(TransformerConfig, PromptSizeConfig):
    """A transformer on regression prompts: d dimensions in, one number out, positions for n points."""


def _divisor(config: TransformerConfig) -> int:
    return max(heads for heads in range(1, config.heads + 1) if config.width % heads == 0)
