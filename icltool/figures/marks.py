"""Marks that several figures share: a line with its band, a reference line, a marked place."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Row
from icltool.figures.theme import DASHES, GREYS, PALETTE, colour, translucent

# Below this an error is exact to rounding; on a log axis it would flatten everything else.
LOG_FLOOR = 1e-7


def add_band_line(figure: go.Figure, rows: Sequence[Row], *, x: str, name: str, index: int) -> None:
    """A line through the rows' means with their low-high band, in the index-th colour."""
    hue = colour(index)
    xs = [row[x] for row in rows]
    log = figure["layout"]["yaxis"]["type"] == "log"
    upper, lower = ([_drawable(row[side], log=log) for row in rows] for side in ("high", "low"))
    figure.add_scatter(
        x=[*xs, *reversed(xs)],
        y=[*upper, *reversed(lower)],
        mode="lines",
        fill="toself",
        fillcolor=translucent(hue, 0.18),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        legendgroup=name,
    )
    figure.add_scatter(
        x=xs,
        y=[_drawable(row["mean"], log=log) for row in rows],
        name=name,
        legendgroup=name,
        mode="lines+markers" if len(xs) < 60 else "lines",
        # Past the last colour they begin again, with other dashes.
        line={"color": hue, "width": 2.5, "dash": DASHES[min(index // len(PALETTE), len(DASHES) - 1)]},
        marker={"size": 5},
    )


def add_reference_line(figure: go.Figure, rows: Sequence[Row], *, x: str, name: str, index: int) -> None:
    """A thin grey line through the rows' means: a baseline."""
    figure.add_scatter(
        x=[row[x] for row in rows],
        y=[_drawable(row["mean"]) for row in rows],
        name=name,
        mode="lines",
        line={"color": GREYS[index % len(GREYS)], "width": 1.5, "dash": DASHES[index % len(DASHES)]},
    )


def explain_line(figure: go.Figure, meaning: str, *, width: float, dash: str = "solid") -> None:
    """A grey legend entry without a line of its own: what lines of this look mean, whatever their colour."""
    figure.add_scatter(
        x=[None], y=[None], mode="lines", name=meaning, line={"color": GREYS[0], "width": width, "dash": dash}
    )


def mark_place(figure: go.Figure, x: float, label: str) -> None:
    """A vertical line where something changes: d examples, the trained number of loops."""
    figure.add_vline(x=x, line={"color": "#999999", "width": 1, "dash": "dot"})
    figure.add_annotation(
        text=label,
        # On a log axis plotly wants a line's place as a number and an annotation's as its logarithm.
        x=math.log10(x) if figure["layout"]["xaxis"]["type"] == "log" else x,
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        font={"size": 12, "color": "#666666"},
    )


def _drawable(value: object, *, log: bool = True) -> float | None:
    """A value for an axis, on a log one clamped at the floor; None where there is none."""
    if not isinstance(value, int | float):
        return None
    return max(float(value), LOG_FLOOR) if log else float(value)
