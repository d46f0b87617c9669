"""Claim 1h (report 002): error per in-context example for each dilation of the loop window."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.sweep.claims.overlay import errors_overlaid, trainings_compared
from icltool.sweep.seeds import series_of


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Error along the context and the loops, a line a dilation; both trainings at dilation 1."""
    results = series_of(sweep, stage="train", name=lambda varied: f"dilation {varied['dilation']}")
    return {**errors_overlaid(results), **trainings_compared(sweep, stage="train")}
