"""Settings of `icltool import-checkpoint`: the file, and what its weights do not say."""

from typing import Literal, Self

from icltool.core.config import Config, Scalar, setting
from icltool.regression.data.config import FunctionClass

GROUP = "What the weights do not say"


class ImportCheckpointConfig(Config):
    """Bring an official checkpoint in."""

    file: str = setting(..., "A .pt file of Leiay/looped_transformer or dtsip/in-context-learning.", argument=True)
    heads: int = setting(..., "Attention heads (the papers' models: 8).", group=GROUP, ge=1, le=1024)
    b: int = setting(
        1,
        "Loops it was trained with, if you know. With 1 a looped model is exactly the standard one, and --loops of "
        "predict, eval and mask-tokens decides.",
        group=GROUP,
        ge=1,
        le=10_000,
    )
    architecture: Literal["looped", "standard", "tied"] = setting(
        "looped", "looped: the prompt enters at every loop; standard: one pass; tied: loops without it.", group=GROUP
    )
    injection: Literal["add", "mul"] = setting("add", "How the prompt enters a loop: z + e or z * e.", group=GROUP)
    task: FunctionClass = setting("linear-regression", "What it was trained on; eval's default.", group=GROUP)

    def resolved(self) -> Self:
        """A standard model has one loop, whatever b says."""
        return self.model_copy(update={"b": 1}) if self.architecture == "standard" else self

    def identity(self) -> dict[str, Scalar]:
        """Every setting but the file's path: its content, an input of the run, stands for it."""
        return {key: value for key, value in super().identity().items() if key != "file"}
