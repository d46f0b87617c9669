"""Claim 1c (report 001): error against loops far beyond the trained b."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.sweep.claims.overlay import errors_overlaid, report_series, trainings_compared
from icltool.sweep.seeds import series_of


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops, a line a trained (b, T); both trainings at the shared point."""
    results = [
        *series_of(sweep, stage="measure", name=lambda varied: f"b={varied['b']} T={varied['T']}"),
        *report_series(sweep, stage="measure-report-training"),
    ]
    return {**errors_overlaid(results), **trainings_compared(sweep, stage="train")}
