"""Claim 1b (report 001): learning curves of a 12-layer model and of one layer looped b times."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.evaluation.error_records import BY_EXAMPLE
from icltool.figures.error_figures import error_by_example
from icltool.sweep.claims.overlay import curves_overlaid, named_results, trainings_compared
from icltool.sweep.collect import finished_runs


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Learning curves, and errors along the context; both trainings at the shared point."""
    layers = [str(result.config["L"]) for _, result in finished_runs(sweep, "standard")]
    results = [
        *named_results(sweep, stage="standard", name=lambda _: f"standard L={layers[0]}"),
        *named_results(sweep, stage="looped", name=lambda varied: f"looped b={varied['b']} T={varied['T']}"),
    ]
    return {
        "learning-curves": curves_overlaid(results),
        "error-by-example": error_by_example(results, measure=BY_EXAMPLE),
        **trainings_compared(sweep, stage="looped"),
    }
