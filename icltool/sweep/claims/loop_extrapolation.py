"""Claim 1c (report 001): error against loops far beyond the trained b."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.sweep.claims.overlay import errors_overlaid


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Error along the loops, a line a trained (b, T)."""
    return errors_overlaid(sweep, stage="measure", name=lambda varied: f"b={varied['b']} T={varied['T']}")
