"""Claim 1b (report 001): learning curves of a 12-layer model and of one layer looped b times."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.sweep.claims.overlay import curves_overlaid, errors_overlaid, trainings_compared
from icltool.sweep.collect import finished_runs
from icltool.sweep.seeds import series_of


def figures(sweep: Result) -> dict[str, go.Figure]:
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
