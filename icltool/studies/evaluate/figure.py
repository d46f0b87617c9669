"""Figures of `eval`: the error along the context and along the loops."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.core.table import Table
from icltool.evaluation.error_records import BY_EXAMPLE, BY_LOOP
from icltool.evaluation.error_table import error_table
from icltool.figures.error_figures import error_by_example, error_by_loop


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """The figures of one or several evaluations, by name."""
    drawn = {"error-by-example": error_by_example(results, measure=BY_EXAMPLE)}
    by_loop = error_by_loop(results, measure=BY_LOOP)
    return drawn if by_loop is None else {**drawn, "error-by-loop": by_loop}


def table(result: Result) -> Table:
    """The table printed at the end of an evaluation."""
    return error_table(result)
