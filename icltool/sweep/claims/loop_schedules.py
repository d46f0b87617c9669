"""Claim 1d (report 001): fixed loops against loops that grow during training."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.sweep.claims.overlay import curves_overlaid, errors_overlaid, report_series, trainings_compared
from icltool.sweep.collect import finished_runs
from icltool.sweep.seeds import Name, series_of


def figures(sweep: Result) -> dict[str, go.Figure]:
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
