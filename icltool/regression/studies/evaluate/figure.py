"""Figures of `eval`: the error along the context and the loops, the fixed point, halting, shifts."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.core.table import Table
from icltool.regression.evaluation.error_records import BY_SHIFT
from icltool.regression.evaluation.error_table import error_table, shift_table
from icltool.regression.figures.error_figures import (
    error_by_example,
    error_by_loop,
    error_by_loops_spent,
    residual_by_loop,
)
from icltool.regression.figures.shift_figures import error_by_shift


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """The figures of one or several evaluations, by name."""
    drawn = {
        "error-by-example": error_by_example(results),
        "error-by-loop": error_by_loop(results),
        "residual-by-loop": residual_by_loop(results),
        "halting": error_by_loops_spent(results),
        "shifts": error_by_shift(results),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def table(result: Result) -> Table:
    """The table printed at the end of an evaluation: along the context, or over the shifts if they were asked for."""
    return shift_table(result) if result.select(measure=BY_SHIFT) else error_table(result)
