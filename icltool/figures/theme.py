"""One look for every figure: white ground, colour-blind-safe colours, type that survives print."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import plotly.graph_objects as go

# Okabe and Ito 2008, yellow left out (it vanishes on white).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
GREYS = ("#333333", "#8c8c8c", "#595959", "#a6a6a6", "#333333", "#8c8c8c", "#595959", "#a6a6a6")
DASHES = ("solid", "dash", "dot", "dashdot", "dot", "dashdot", "solid", "dash")
WIDTH, HEIGHT = 820, 480
# Decades of a log axis from which on only the powers of ten are labelled.
WIDE_DECADES = 1.6
# Decades of a log axis that stay free at both of its ends.
LOG_ROOM = {"x": 0.05, "y": 0.15}
_FONT = "Inter, Helvetica, Arial, DejaVu Sans, sans-serif"


def figure(*, title: str, x: str, y: str, log_y: bool = False, log_x: bool = False) -> go.Figure:
    """An empty figure in the house's look; the axis titles carry units and normalisation."""
    look = go.Figure()
    look.update_layout(
        template="none",
        title={"text": title, "x": 0.0, "xref": "paper", "xanchor": "left", "font": {"size": 18}},
        font={"family": _FONT, "size": 14, "color": "#1a1a1a"},
        paper_bgcolor="white",
        plot_bgcolor="white",
        colorway=list(PALETTE),
        margin={"l": 76, "r": 24, "t": 64, "b": 64},
        legend={"bgcolor": "rgba(255,255,255,0.8)", "font": {"size": 13}},
        hoverlabel={"font": {"family": _FONT}},
    )
    look.update_layout(xaxis=axis(x, log=log_x), yaxis=axis(y, log=log_y))
    return look


def axis(title: str, *, log: bool = False) -> dict[str, object]:
    """An axis in the house's look, for panels of their own."""
    return {
        "title": {"text": title, "standoff": 10},
        "type": "log" if log else "linear",
        "showline": True,
        "linecolor": "#333333",
        "ticks": "outside",
        "gridcolor": "#e6e6e6",
        "zeroline": False,
        "automargin": True,
        "exponentformat": "power",
        # Labels at 1, 2 and 5 of a decade: every digit is too many, the decades alone too few.
        **({"dtick": "D2"} if log else {}),
    }


def log_range(figure: go.Figure, values: Sequence[float] | None = None, *, side: Literal["x", "y"] = "y") -> None:
    """Let these values, with room and at least one decade, set the extent of a log axis; others may leave it.

    Without values, all that is drawn. The labels are such that none is a digit without its decade.
    """
    positive = [value for value in (drawn_along(figure, side) if values is None else values) if value > 0]
    if not positive:
        return
    low, high = math.log10(min(positive)), math.log10(max(positive))
    spare = max(LOG_ROOM[side], (1 - (high - low)) / 2)
    # In full: of 0.5 Plotly itself would show a small 5.
    labels = {"dtick": 1} if high - low + 2 * spare > WIDE_DECADES else {"tickformat": "~g"}
    figure.update_layout({f"{side}axis": {"range": [low - spare, high + spare], **labels}})


def drawn_along(figure: go.Figure, side: Literal["x", "y"]) -> list[float]:
    """The numbers on an axis of all traces that the legend shows, or that share its entry with one it shows."""
    traces: Any = figure.data
    lines = [trace for trace in traces if trace.legendgroup is not None or trace.showlegend is not False]
    return [value for trace in lines for value in (trace[side] or ()) if isinstance(value, int | float)]


def colour(index: int) -> str:
    """The index-th series' colour; repeats after seven."""
    return PALETTE[index % len(PALETTE)]


def translucent(hex_colour: str, alpha: float) -> str:
    """The same colour, see-through, for bands."""
    red, green, blue = (int(hex_colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
