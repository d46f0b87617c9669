"""Claim 1f (report 001): more layers in the looped block."""

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.sweep.claims.overlay import curves_overlaid, errors_overlaid, report_series, trainings_compared
from icltool.sweep.seeds import series_of


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops; learning curves (deeper blocks leave the plateau later); both trainings at one point."""
    measured = [
        *series_of(sweep, stage="measure", name=_name),
        *report_series(sweep, stage="measure-report-training"),
    ]
    return {
        **errors_overlaid(measured),
        "learning-curves": curves_overlaid(series_of(sweep, stage="train", name=_name)),
        **trainings_compared(sweep, stage="train"),
    }


def _name(varied: Row) -> str:
    return f"L={varied['L']} b={varied['b']}"
