"""Claims about looped models that are drawn alike: models over each other, named by what varies; one point trained as
the recipe trains and as the report did.

Each of the claims' functions draws one recipe.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, shared_value
from icltool.figures.curve_figures import learning_curves
from icltool.figures.marks import explain_line
from icltool.regression.evaluation.error_records import BY_EXAMPLE
from icltool.regression.figures.error_figures import error_by_example, error_by_loop
from icltool.sweep.collect import finished_runs
from icltool.sweep.seeds import Name, Series, series_of, title_with_seeds

# The stages in which a recipe trains (and measures) one of its points as the report did, beside its own training.
REPORT_TRAINING = "report-training"
# What makes two runs the same point: the model, its prompts and its loss, not how it was trained.
_POINT = ("task", "architecture", "L", "b", "width", "heads", "d", "n", "T", "dilation", "seed")


def report_series(sweep: Result, *, stage: str) -> list[Series]:
    """The shared point as the report trained it (nothing at a scale that leaves the stage out)."""
    return series_of(sweep, stage=stage, name=lambda _: "report's training (one seed)")[:1]


def errors_overlaid(series: Sequence[Series]) -> dict[str, go.Figure]:
    """Error along the context (the title says after how many loops, if all ran as many), and along the loops."""
    results = [one.result for one in series]
    along = error_by_example(results)
    loops = shared_value(row["loop"] for result in results for row in result.select(measure=BY_EXAMPLE, role="model"))
    title = "Error along the context" if loops is None else f"Error along the context after {loops} loops"
    drawn = {"error-by-example": along.update_layout(title_text=title_with_seeds(title, series))}
    by_loop = error_by_loop(results)
    if by_loop is None:
        return drawn
    title = title_with_seeds(by_loop.layout.title.text, series)
    return {**drawn, "error-by-loop": by_loop.update_layout(title_text=title)}


def curves_overlaid(series: Sequence[Series], *, title: str = "Learning curves") -> go.Figure:
    """Held-out error (thick) and training error (dotted) against steps, one legend entry a model; grey ones say so."""
    look = learning_curves(
        {one.label: one.result.logged() for one in series},
        loss="running_error",
        held_out="held_out_error",
        title=title_with_seeds(title, series),
        y="error of the last points (predicting zero = 1)",
    )

    def shorten(trace: go.Scatter) -> None:
        name, _, what = str(trace["name"]).rpartition(": ")
        trace.update(name=name, legendgroup=name, showlegend=what == "held-out error")

    look.for_each_trace(shorten)
    explain_line(look, "held-out error", width=2.5)
    explain_line(look, "training error, smoothed", width=1.2, dash="dot")
    return look


def trainings_compared(sweep: Result, *, stage: str) -> dict[str, go.Figure]:
    """The learning curves of one point trained as the recipe trains and as the report did; empty without the latter."""
    reports = [result for _, result in finished_runs(sweep, REPORT_TRAINING)]
    if not reports:
        return {}
    point = _point(reports[0])
    ours = [result for _, result in finished_runs(sweep, stage) if _point(result) == point]
    both = [
        Series(label=f"{how}, {result.config['steps']} steps of {result.config['optimiser']}", runs=[result])
        for how, result in (*(("this recipe", result) for result in ours), ("the report", reports[0]))
    ]
    title = f"One model ({reports[0].label}) trained both ways"
    return {"trainings-compared": curves_overlaid(both, title=title)}


def _point(result: Result) -> tuple[object, ...]:
    return tuple(result.config.get(key) for key in _POINT)


def loops_against_layers(sweep: Result) -> dict[str, go.Figure]:
    """Learning curves, and errors along the context; both trainings at the shared point."""
    layers = [str(result.config["L"]) for _, result in finished_runs(sweep, "standard")]
    series = [
        *series_of(sweep, stage="standard", name=lambda _: f"standard L={layers[0]}"),
        *series_of(sweep, stage="looped", name=lambda varied: f"looped b={varied['b']} T={varied['T']}"),
    ]
    return {
        "learning-curves": curves_overlaid(series),
        "error-by-example": errors_overlaid(series)["error-by-example"],
        **trainings_compared(sweep, stage="looped"),
    }


def loop_extrapolation(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops, a line a trained (b, T); both trainings at the shared point."""
    results = [
        *series_of(sweep, stage="measure", name=lambda varied: f"b={varied['b']} T={varied['T']}"),
        *report_series(sweep, stage="measure-report-training"),
    ]
    return {**errors_overlaid(results), **trainings_compared(sweep, stage="train")}


def loop_schedules(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops and learning curves, a line a schedule; both trainings at the shared point."""
    start = next((result.config["loops_start"] for _, result in finished_runs(sweep, "growing")), None)
    schedules: tuple[tuple[str, Name], ...] = (
        ("fixed", lambda varied: f"fixed {varied['b']}, T={varied['T']}"),
        ("growing", lambda varied: f"{start} to {varied['b']}, T={varied['T']}"),
    )
    trained, measured = (
        [found for stage, name in schedules for found in series_of(sweep, stage=f"{prefix}{stage}", name=name)]
        for prefix in ("", "measure-")
    )
    return {
        **errors_overlaid([*measured, *report_series(sweep, stage="measure-report-training")]),
        "learning-curves": curves_overlaid(trained),
        **trainings_compared(sweep, stage="fixed"),
    }


def looped_layers(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops; learning curves (deeper blocks leave the plateau later); both trainings at one point."""
    measured = [
        *series_of(sweep, stage="measure", name=_layers_and_loops),
        *report_series(sweep, stage="measure-report-training"),
    ]
    return {
        **errors_overlaid(measured),
        "learning-curves": curves_overlaid(series_of(sweep, stage="train", name=_layers_and_loops)),
        **trainings_compared(sweep, stage="train"),
    }


def _layers_and_loops(varied: Row) -> str:
    return f"L={varied['L']} b={varied['b']}"


def dilated_windows(sweep: Result) -> dict[str, go.Figure]:
    """Error along the context and the loops, a line a dilation; both trainings at dilation 1."""
    results = series_of(sweep, stage="train", name=lambda varied: f"dilation {varied['dilation']}")
    return {**errors_overlaid(results), **trainings_compared(sweep, stage="train")}
