"""Claim 2b (report 003): accuracy by width and number of training tasks, MLP against Transformer, seen and unseen."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from icltool.core.result import Result
from icltool.figures.heat_map import COLOURS
from icltool.figures.theme import figure
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION, last_accuracy
from icltool.sweep.collect import finished_runs
from icltool.sweep.seeds import series_of, told_of_seeds

LEARNERS = (("memoriser", "MLP (no context)"), ("transformer", "Transformer"))
TESTS = ("seen", "unseen")

# By (tasks, width), each seed's accuracy after the last example.
Cells = dict[tuple[int, int], list[float]]


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Four heat maps that share a scale: learner by row, tasks seen or unseen by column; seeds are averaged."""
    grid = make_subplots(
        rows=2,
        cols=2,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.1,
        subplot_titles=[f"{name}, {tests} tasks" for _, name in LEARNERS for tests in TESTS],
    )
    for row, (stage, _) in enumerate(LEARNERS, start=1):
        for column, tests in enumerate(TESTS, start=1):
            _add(grid, _cells(sweep, stage=f"measure-{stage}", tests=tests), row=row, column=column)
    measured = series_of(sweep, stage="measure-transformer", name=lambda varied: f"{varied['tasks']} {varied['width']}")
    grid.update_layout(figure(title=told_of_seeds("Accuracy after the last example", measured), x="", y="").layout)
    grid.update_layout(
        coloraxis={
            "colorscale": COLOURS,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "accuracy"}, "outlinewidth": 0, "ticks": "outside"},
        },
        margin={"t": 84},
    )
    grid.update_xaxes(type="category", showgrid=False, showline=False, ticks="")
    grid.update_yaxes(type="category", showgrid=False, showline=False, ticks="")
    grid.update_xaxes(title={"text": "training tasks"}, row=2)
    grid.update_yaxes(title={"text": "width"}, col=1)
    return {"width-and-tasks": grid}


def _cells(sweep: Result, *, stage: str, tests: str) -> Cells:
    cells: Cells = {}
    for varied, result in finished_runs(sweep, stage):
        row = next(row for row in result.select(measure=BY_POSITION, images="test") if row["tasks"] == tests)
        accuracy = float(str(last_accuracy(result.records, str(row["test"]))["mean"]))
        cells.setdefault((int(str(varied["tasks"])), int(str(varied["width"]))), []).append(accuracy)
    return cells


def _add(grid: go.Figure, cells: Cells, *, row: int, column: int) -> None:
    across, up = sorted({tasks for tasks, _ in cells}), sorted({width for _, width in cells})
    means = [
        [sum(seeds) / len(seeds) if (seeds := cells.get((tasks, width))) else None for tasks in across] for width in up
    ]
    grid.add_heatmap(
        x=[f"2<sup>{tasks.bit_length() - 1}</sup>" for tasks in across],
        y=[str(width) for width in up],
        z=means,
        text=[["" if mean is None else f"{mean:.2f}" for mean in line] for line in means],
        texttemplate="%{text}",
        textfont={"size": 12},
        coloraxis="coloraxis",
        hovertemplate="%{x} tasks, width %{y}: %{z:.3f}<extra></extra>",
        row=row,
        col=column,
    )
