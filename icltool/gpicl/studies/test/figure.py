"""Figures of `gpicl-test`: accuracy within the sequence; the improvement and accuracy of several checkpoints."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, shared_value
from icltool.core.table import Table
from icltool.figures.marks import name_band
from icltool.gpicl.evaluation.accuracy_table import accuracy_table
from icltool.gpicl.figures.accuracy_figures import INTERVAL, accuracy_by_position, improvement_by_tasks
from icltool.gpicl.figures.learner_sizes import accuracy_by_size, sized


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """The figures of one or several tests, by name; some compare checkpoints, and need more than one."""
    drawn = {"accuracy-by-position": accuracy_by_position(results)}
    if len({result.config.get("tasks") for result in results}) > 1:
        drawn["improvement-by-tasks"] = improvement_by_tasks(results)
    if len({result.summary.get("parameters") for result in results}) > 1:
        chance = shared_value(result.summary.get("chance") for result in results)
        by_size = accuracy_by_size(sized(results), chance=chance if isinstance(chance, float) else None)
        name_band(by_size, results, single=INTERVAL, mark="bars")
        drawn["accuracy-by-size"] = by_size
    return drawn


def table(result: Result) -> Table:
    """The table printed at the end of a test."""
    return accuracy_table(result)
