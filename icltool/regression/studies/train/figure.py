"""Figures of `train`: the learning curve, and the error along the context and the loops."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.core.table import Table
from icltool.figures.curve_figures import learning_curves
from icltool.figures.series_names import series_names
from icltool.regression.evaluation.error_table import error_table
from icltool.regression.figures.error_figures import error_by_example, error_by_loop


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """The figures of one or several trainings, by name."""
    runs = {name: result.logged() for result, name in zip(results, series_names(results), strict=True)}
    drawn = {
        "error-by-example": error_by_example(results),
        "learning-curve": learning_curves(
            runs,
            loss="running_error",
            held_out="held_out_error",
            title="Learning curve",
            y="squared error (predicting zero = 1)",
        ),
    }
    by_loop = error_by_loop(results)
    return drawn if by_loop is None else {**drawn, "error-by-loop": by_loop}


def table(result: Result) -> Table:
    """The table printed at the end of a training."""
    return error_table(result)
