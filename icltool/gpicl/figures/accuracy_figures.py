"""Accuracy of in-context learners against examples seen."""

from collections.abc import Sequence
from itertools import pairwise

import plotly.graph_objects as go

from icltool.core.bootstrap import rows_over_seeds
from icltool.core.result import Result, Row, real, shared_value, whole
from icltool.figures.marks import add_band_line, add_caption, band_over_seeds, mark_place, name_band
from icltool.figures.series_names import series_names
from icltool.figures.theme import figure
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION, IMPROVEMENT
from icltool.gpicl.evaluation.accuracy_table import row_name

# What the band of an accuracy is called (`gpicl.evaluation.accuracy_records.wilson_interval`).
INTERVAL = "95 % interval (Wilson)"
# An improvement below this does not count as learning within the sequence.
LEAST_IMPROVEMENT = 0.05


def accuracy_by_position(results: Sequence[Result]) -> go.Figure:
    """A band for each result and test, and the chance level."""
    look = figure(
        title="Accuracy within the sequence", x="examples of the task seen", y="accuracy (share of right answers)"
    )
    names = series_names(results)
    index = 0
    for result, name in zip(results, names, strict=True):
        rows = result.select(measure=BY_POSITION)
        for test in dict.fromkeys(row_name(result, row) for row in rows):
            label = test if len(results) == 1 else f"{name}: {test}"
            line = [row for row in rows if row_name(result, row) == test]
            add_band_line(look, line, x="examples", name=label, index=index)
            index += 1
    add_chance(look, results)
    look.update_yaxes(range=[0, 1.02])
    name_band(look, results, single=INTERVAL)
    return look


def add_chance(look: go.Figure, results: Sequence[Result]) -> None:
    """A horizontal line where guessing stands, when the results agree on it."""
    level = shared_value(result.summary.get("chance") for result in results)
    if isinstance(level, float):
        look.add_hline(
            y=level,
            line={"color": "#999999", "width": 1, "dash": "dot"},
            annotation={"text": "chance", "font": {"size": 12, "color": "#666666"}, "showarrow": False},
            annotation_position="bottom right",
        )


def improvement_by_tasks(results: Sequence[Result]) -> go.Figure:
    """Last minus first accuracy on test images against the number of training tasks, a line a test.

    Several results with as many tasks (seeds) are averaged, with the band over seeds. Where learning to learn begins
    on unseen tasks is marked.
    """
    look = figure(
        title="What learning to learn takes",
        x="training tasks",
        y="improvement (last - first accuracy)",
        log_x=True,
    )
    rows: list[Row] = [
        {**row, "training_tasks": result.config["tasks"]}
        for result in results
        for row in result.select(measure=IMPROVEMENT, images="test")
    ]
    counts: set[int] = set()
    for index, test in enumerate(dict.fromkeys(str(row["test"]) for row in rows)):
        points = rows_over_seeds([row for row in rows if row["test"] == test], "mean", by=["training_tasks"])
        counts.update(whole(point, "runs") for point in points)
        add_band_line(look, points, x="training_tasks", name=test, index=index)
    powers = sorted({whole(row, "training_tasks") for row in rows})
    look.update_xaxes(tickvals=powers, ticktext=[_power(tasks) for tasks in powers])
    unseen = [row for row in rows if row["tasks"] == "unseen"]
    own = rows_over_seeds([row for row in unseen if row["test"] == unseen[0]["test"]], "mean", by=["training_tasks"])
    begins = transition([(whole(row, "training_tasks"), real(row, "mean")) for row in own])
    if begins is not None:
        mark_place(look, begins, "learning to learn begins")
    if counts - {1}:
        add_caption(look, f"band: {band_over_seeds(counts)}")
    return look


def transition(improvements: Sequence[tuple[int, float]]) -> float | None:
    """Where the improvement on unseen tasks passes half of its largest value, halfway (in log) between two counts.

    None when it does so nowhere: already at the fewest tasks, or every improvement is below .05.
    """
    largest = max((mean for _, mean in improvements), default=0.0)
    if largest < LEAST_IMPROVEMENT:
        return None
    for (few, before), (many, after) in pairwise(improvements):
        if before < largest / 2 <= after:
            return float((few * many) ** 0.5)
    return None


def _power(tasks: int) -> str:
    exponent = tasks.bit_length() - 1
    return f"2<sup>{exponent}</sup>" if tasks == 2**exponent else str(tasks)
