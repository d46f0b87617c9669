"""Claim 1f (report 001): more layers in the looped block."""

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.sweep.claims.overlay import curves_overlaid, errors_overlaid


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops, and learning curves: deeper blocks leave the plateau later."""
    return {
        **errors_overlaid(sweep, stage="measure", name=_name),
        "learning-curves": curves_overlaid(sweep, stage="train", name=_name),
    }


def _name(varied: Row) -> str:
    return f"L={varied['L']} b={varied['b']}"
