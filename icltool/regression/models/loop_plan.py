"""Which loops run, which are scored, where gradients flow, which tokens of the state stay: a value, made by functions.

The model follows a plan and knows nothing of windows, dilation or masks. Loops are counted from 1.
"""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool
from torch import Tensor

from icltool.networks.loop import TokenLayout


@dataclass(frozen=True, kw_only=True, eq=False)
class LoopPlan:
    """How one forward pass runs.

    `scored`: the loops whose predictions are returned, ascending. `with_gradient`: the loops that build a graph; any
    other runs detached. `state_keep`: the tokens of the previous state that survive (True), per prompt or for all; the
    others are set to the injection's neutral value before the prompt is injected. None keeps everything. `layout`: how
    the tokens stand to each other; None is a causal sequence.
    """

    loops: int
    scored: tuple[int, ...]
    with_gradient: frozenset[int]
    state_keep: Bool[Tensor, "_ t"] | None = None
    layout: TokenLayout | None = None


def loops_at(step: int, *, start: int, end: int, increment: int, every: int) -> int:
    """The loops b' trained at a step: from `start` to `end`, `increment` more every `every` steps."""
    return min(end, start + increment * ((step - 1) // every))


def window_plan(
    loops: int,
    window: int,
    *,
    dilation: int = 1,
    between: Literal["attached", "detached"] = "attached",
) -> LoopPlan:
    """The training plan: score loops b', b'-δ, ..., b'-(T-1)δ, those of them that are at least 1.

    Gradients start at the earliest scored loop and flow through every loop after it (`attached`), or only the scored
    loops build a graph (`detached`). With dilation 1 both are Yang et al.'s loss over the last T loops.
    """
    scored = tuple(loop for loop in range(loops - (window - 1) * dilation, loops + 1, dilation) if loop >= 1)
    attached = range(scored[0], loops + 1)
    return LoopPlan(loops=loops, scored=scored, with_gradient=frozenset(attached if between == "attached" else scored))


def every_loop_plan(loops: int, *, state_keep: Bool[Tensor, "_ t"] | None = None) -> LoopPlan:
    """An evaluation plan: every loop's predictions, no gradients."""
    return LoopPlan(loops=loops, scored=tuple(range(1, loops + 1)), with_gradient=frozenset(), state_keep=state_keep)


def last_loop_plan(loops: int) -> LoopPlan:
    """An evaluation plan: the last loop's predictions only."""
    return LoopPlan(loops=loops, scored=(loops,), with_gradient=frozenset())
