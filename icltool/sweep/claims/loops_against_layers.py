"""Claim 1b (report 001): learning curves of a 12-layer model and of one layer looped b times."""

import plotly.graph_objects as go

from icltool.core.metrics_log import read_rows
from icltool.core.result import Result
from icltool.evaluation.error_records import BY_EXAMPLE
from icltool.figures.curve_figures import learning_curves
from icltool.figures.error_figures import error_by_example
from icltool.sweep.claims.overlay import named_results


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Learning curves, and errors along the context."""
    results = [
        *named_results(sweep, stage="standard", name=lambda _: "standard"),
        *named_results(sweep, stage="looped", name=lambda varied: f"looped b={varied['b']} T={varied['T']}"),
    ]
    curves = learning_curves(
        {result.label: read_rows(result.run / "metrics.jsonl") for result in results},
        loss="running_error",
        held_out="held_out_error",
        title="Training loss, scaled",
        y="squared error of the last points (predicting zero = 1)",
    )
    return {"learning-curves": curves, "error-by-example": error_by_example(results, measure=BY_EXAMPLE)}
