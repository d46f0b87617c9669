"""What several claims draw: models over each other, named by what varies; one point trained both ways."""

import dataclasses
from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from icltool.core.metrics_log import read_rows
from icltool.core.result import Result, Row
from icltool.evaluation.error_records import BY_EXAMPLE, BY_LOOP
from icltool.figures.curve_figures import learning_curves
from icltool.figures.error_figures import error_by_example, error_by_loop
from icltool.sweep.collect import finished_runs

Name = Callable[[Row], str]

# The stages in which a recipe trains (and measures) one of its points as the report did, beside its own training.
REPORT_TRAINING = "report-training"
# What makes two runs the same point: the model, its prompts and its loss, not how it was trained.
_POINT = ("task", "architecture", "L", "b", "width", "heads", "d", "n", "T", "dilation", "seed")


def named_results(sweep: Result, *, stage: str, name: Name) -> list[Result]:
    """The stage's results, labelled by what varies; of several seeds only the first, so that lines stay readable."""
    results: dict[str, Result] = {}
    for varied, result in finished_runs(sweep, stage):
        label = name(varied)
        results.setdefault(label, dataclasses.replace(result, label=label))
    return list(results.values())


def report_results(sweep: Result, *, stage: str) -> list[Result]:
    """The results of the shared point as the report trained it (none at a scale that leaves the stage out)."""
    return [
        dataclasses.replace(result, label=f"report's training, {result.label}")
        for _, result in finished_runs(sweep, stage)[:1]
    ]


def errors_overlaid(results: Sequence[Result]) -> dict[str, go.Figure]:
    """Error along the context (the title says after how many loops, if all ran as many), and along the loops."""
    along = error_by_example(results, measure=BY_EXAMPLE)
    loops = {row["loop"] for result in results for row in result.select(measure=BY_EXAMPLE, role="model")}
    if len(loops) == 1:
        along.update_layout(title_text=f"Error along the context after {loops.pop()} loops")
    drawn = {"error-by-example": along}
    by_loop = error_by_loop(results, measure=BY_LOOP)
    return drawn if by_loop is None else {**drawn, "error-by-loop": by_loop}


def curves_overlaid(results: Sequence[Result], *, title: str = "Learning curves") -> go.Figure:
    """Held-out error (thick) and training error (dotted) against steps, one legend entry a model."""
    look = learning_curves(
        {result.label: read_rows(result.run / "metrics.jsonl") for result in results},
        loss="running_error",
        held_out="held_out_error",
        title=title,
        y="error of the last points (predicting zero = 1)",
    )

    def shorten(trace: go.Scatter) -> None:
        name, _, what = str(trace["name"]).rpartition(": ")
        trace.update(name=name, legendgroup=name, showlegend=what == "held-out error")

    look.for_each_trace(shorten)
    return look


def trainings_compared(sweep: Result, *, stage: str) -> dict[str, go.Figure]:
    """The learning curves of one point trained as the recipe trains and as the report did; empty without the latter."""
    reports = [result for _, result in finished_runs(sweep, REPORT_TRAINING)]
    if not reports:
        return {}
    point = _point(reports[0])
    ours = [result for _, result in finished_runs(sweep, stage) if _point(result) == point]
    both = [
        dataclasses.replace(result, label=f"{how}, {result.config['steps']} steps of {result.config['optimiser']}")
        for how, result in (*(("this recipe", result) for result in ours), ("the report", reports[0]))
    ]
    title = f"One model ({reports[0].label}) trained both ways"
    return {"trainings-compared": curves_overlaid(both, title=title)}


def _point(result: Result) -> tuple[object, ...]:
    return tuple(result.config.get(key) for key in _POINT)
