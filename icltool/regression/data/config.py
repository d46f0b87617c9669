"""Which prompts a study draws."""

from typing import Literal

from icltool.core.config import Config, setting

FunctionClass = Literal[
    "linear-regression",
    "noisy-linear-regression",
    "sparse-linear-regression",
    "relu-2nn",
    "decision-tree",
]

GROUP = "Prompts"


class PromptSizeConfig(Config):
    """The size of an in-context regression prompt."""

    d: int = setting(8, "Dimensions of x.", group=GROUP, ge=1, le=4096)
    n: int = setting(32, "In-context points of a prompt, the query included.", group=GROUP, ge=1, le=65536)


class PromptConfig(PromptSizeConfig):
    """The function class and size of an in-context regression prompt."""

    task: FunctionClass = setting("linear-regression", "Class of the functions to learn in context.", group=GROUP)
