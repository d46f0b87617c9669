"""Which prompts a study draws, and what an evaluation may change about them: shifts, and real tables for functions."""

from typing import Literal, get_args

from icltool.core.config import Config, setting

FunctionClass = Literal[
    "linear-regression",
    "noisy-linear-regression",
    "sparse-linear-regression",
    "relu-2nn",
    "decision-tree",
]

FUNCTION_CLASSES: tuple[FunctionClass, ...] = get_args(FunctionClass)

GROUP = "Prompts"
Shift = Literal[
    "none",
    "skewed-covariance",
    "half-subspace",
    "x-scale-1/3",
    "x-scale-1/2",
    "x-scale-2",
    "x-scale-3",
    "x-scale-random",
    "y-scale-1/3",
    "y-scale-1/2",
    "y-scale-2",
    "y-scale-3",
    "label-noise",
    "random-quadrants",
    "orthogonal-query",
    "seen-query",
]
# These put a query of their own after every prefix of the context.
PLACING_SHIFTS: tuple[Shift, ...] = ("random-quadrants", "orthogonal-query", "seen-query")
RealTable = Literal["diabetes", "breast-cancer", "wine"]


class PromptSizeConfig(Config):
    """The size of an in-context regression prompt."""

    d: int = setting(8, "Dimensions of x.", group=GROUP, ge=1, le=4096)
    n: int = setting(32, "In-context points of a prompt, the query included.", group=GROUP, ge=1, le=65536)


class PromptConfig(PromptSizeConfig):
    """The function class and size of an in-context regression prompt."""

    task: FunctionClass = setting("linear-regression", "Class of the functions to learn in context.", group=GROUP)
