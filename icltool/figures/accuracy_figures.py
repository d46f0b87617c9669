"""Accuracy of in-context learners against examples seen."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.figures.error_figures import series_names
from icltool.figures.marks import add_band_line
from icltool.figures.theme import colour, figure

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")


def accuracy_by_position(results: Sequence[Result], *, measure: str) -> go.Figure:
    """A band for each result and test, and the chance level."""
    look = figure(
        title="Accuracy within the sequence", x="examples of the task seen", y="accuracy (share of right answers)"
    )
    names = series_names(results)
    index = 0
    for result, name in zip(results, names, strict=True):
        rows = result.select(measure=measure)
        for test in dict.fromkeys(str(row["test"]) for row in rows):
            label = test if len(results) == 1 else f"{name}: {test}"
            add_band_line(look, [row for row in rows if row["test"] == test], x="examples", name=label, index=index)
            index += 1
    add_chance(look, results)
    look.update_yaxes(range=[0, 1.02])
    return look


def add_chance(look: go.Figure, results: Sequence[Result]) -> None:
    """A horizontal line where guessing stands, when the results agree on it."""
    levels = {result.summary.get("chance") for result in results}
    if len(levels) == 1 and isinstance(level := levels.pop(), float):
        look.add_hline(
            y=level,
            line={"color": "#999999", "width": 1, "dash": "dot"},
            annotation={"text": "chance", "font": {"size": 12, "color": "#666666"}, "showarrow": False},
            annotation_position="bottom right",
        )


def improvement_by_tasks(results: Sequence[Result], *, measure: str) -> go.Figure:
    """Last minus first accuracy against the number of training tasks, a line a test.

    Several results with as many tasks (seeds) are averaged; the band is their range.
    """
    look = figure(
        title="What learning to learn takes",
        x="training tasks",
        y="improvement within the sequence (last - first accuracy)",
        log_x=True,
    )
    rows = [
        {**row, "training_tasks": result.config["tasks"]}
        for result in results
        for row in result.select(measure=measure)
    ]
    for index, test in enumerate(dict.fromkeys(str(row["test"]) for row in rows)):
        by_tasks: dict[int, list[float]] = {}
        for row in rows:
            if row["test"] == test:
                by_tasks.setdefault(int(str(row["training_tasks"])), []).append(float(str(row["mean"])))
        points: list[Row] = [
            {"tasks": tasks, "mean": sum(seeds) / len(seeds), "low": min(seeds), "high": max(seeds)}
            for tasks, seeds in sorted(by_tasks.items())
        ]
        add_band_line(look, points, x="tasks", name=test, index=index)
    powers = sorted({int(str(row["training_tasks"])) for row in rows})
    look.update_xaxes(tickvals=powers, ticktext=[_power(tasks) for tasks in powers])
    return look


def accuracy_against(results: Sequence[Result], *, size: str, axis: str) -> go.Figure:
    """Accuracy on unseen tasks against a size of the learner, a mark a result."""
    look = figure(title="Accuracy on unseen tasks", x=axis, y="accuracy after the last example", log_x=True)
    for index, (result, name) in enumerate(zip(results, series_names(results), strict=True)):
        look.add_scatter(
            x=[result.summary.get(size)],
            y=[result.summary.get("unseen_tasks_accuracy")],
            mode="markers",
            marker={"size": 11, "color": colour(index), "symbol": SYMBOLS[index % len(SYMBOLS)]},
            name=name,
        )
    add_chance(look, results)
    look.update_yaxes(range=[0, 1.02])
    return look


def _power(tasks: int) -> str:
    exponent = tasks.bit_length() - 1
    return f"2<sup>{exponent}</sup>" if tasks == 2**exponent else str(tasks)
