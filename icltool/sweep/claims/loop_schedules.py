"""Claim 1d (report 001): fixed loops against loops that grow during training."""

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.sweep.claims.overlay import curves_overlaid, errors_overlaid


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops and learning curves, a line a schedule."""
    return {
        **errors_overlaid(sweep, stage="measure", name=_name),
        "learning-curves": curves_overlaid(sweep, stage="train", name=_name),
    }


def _name(varied: Row) -> str:
    start, end = varied["loops_start"], varied["b"]
    return f"{'fixed ' if start == end else f'{start} to '}{end}, T={varied['T']}"
