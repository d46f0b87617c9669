"""The names of what an evaluation may change about its prompts: shifts, and real tables in place of functions."""

from typing import Literal

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
