"""What several claims draw: the errors of a stage's models over each other, named by what varies."""

import dataclasses
from collections.abc import Callable

import plotly.graph_objects as go

from icltool.core.metrics_log import read_rows
from icltool.core.result import Result, Row
from icltool.evaluation.error_records import BY_EXAMPLE, BY_LOOP
from icltool.figures.curve_figures import learning_curves
from icltool.figures.error_figures import error_by_example, error_by_loop
from icltool.sweep.collect import finished_runs

Name = Callable[[Row], str]


def named_results(sweep: Result, *, stage: str, name: Name) -> list[Result]:
    """The stage's results, labelled by what varies; of several seeds only the first, so that lines stay readable."""
    results: dict[str, Result] = {}
    for varied, result in finished_runs(sweep, stage):
        label = name(varied)
        results.setdefault(label, dataclasses.replace(result, label=label))
    return list(results.values())


def errors_overlaid(sweep: Result, *, stage: str, name: Name) -> dict[str, go.Figure]:
    """Error along the context, and along the loops where models loop."""
    results = named_results(sweep, stage=stage, name=name)
    drawn = {"error-by-example": error_by_example(results, measure=BY_EXAMPLE)}
    by_loop = error_by_loop(results, measure=BY_LOOP)
    return drawn if by_loop is None else {**drawn, "error-by-loop": by_loop}


def curves_overlaid(sweep: Result, *, stage: str, name: Name) -> go.Figure:
    """Learning curves of a stage's models."""
    results = named_results(sweep, stage=stage, name=name)
    return learning_curves(
        {result.label: read_rows(result.run / "metrics.jsonl") for result in results},
        loss="running_error",
        held_out="held_out_error",
        title="Learning curves",
        y="squared error of the last points (predicting zero = 1)",
    )
