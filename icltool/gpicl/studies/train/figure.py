"""Figures of `gpicl-train`: accuracy within the sequence, and the learning curve."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.core.table import Table
from icltool.figures.curve_figures import learning_curves
from icltool.figures.series_names import series_names
from icltool.gpicl.evaluation.accuracy_table import accuracy_table
from icltool.gpicl.figures.accuracy_figures import accuracy_by_position


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """The figures of one or several meta-trainings, by name."""
    runs = {name: result.logged() for result, name in zip(results, series_names(results), strict=True)}
    return {
        "accuracy-by-position": accuracy_by_position(results),
        "learning-curve": learning_curves(
            runs,
            loss="running_accuracy",
            held_out="held_out_accuracy",
            title="Meta-training",
            y="accuracy at the end of the sequence",
            measure="accuracy",
        ),
    }


def table(result: Result) -> Table:
    """The table printed at the end of a meta-training."""
    return accuracy_table(result)
