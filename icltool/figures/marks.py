"""Marks that several figures share: a line with its band, what the band is, a reference line, a marked place."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.core.table import counted_range
from icltool.figures.theme import DASHES, GREYS, PALETTE, colour, translucent

# Below this an error is exact to rounding; on a log axis it would flatten everything else.
LOG_FLOOR = 1e-7
# Points below a plot that a caption takes.
CAPTION_ROOM = 24


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


def over_prompts(prompts: object) -> str:
    """What a band over prompts is called, for `name_band`; `prompts` is their number, where all lines have the same."""
    return f"5-95 % of the mean over {prompts or 'the'} prompts (bootstrap)"


def band_over_seeds(counts: Iterable[int]) -> str:
    """What a band over seeds is called; `counts` are how many seeds the means are of."""
    return f"5-95 % of the mean over {counted_range(counts, 'seed')} (bootstrap)"


def name_band(figure: go.Figure, results: Sequence[Result], *, single: str, mark: str = "band") -> None:
    """Say below the plot what the bands (or bars) of these results' lines are; `single` is that of a single run's.

    A result that is the mean of several seeds has the band over them.
    """
    seeds = {len(result.seeds) for result in results}
    means = [band_over_seeds(seeds - {0})] if seeds - {0} else []
    alone = [f"of one seed, {single}" if means else single] if 0 in seeds else []
    add_caption(figure, f"{mark}: {'; '.join([*means, *alone])}")


def add_caption(figure: go.Figure, text: str) -> None:
    """Small grey words at the lower left, below the title of the x axis, in room made for them.

    Where the legend lies below the plot they stand above it, under the title.
    """
    layout: Any = figure.layout
    above = layout.legend.orientation == "h"
    if not above:
        figure.update_layout(margin={"b": layout.margin.b + CAPTION_ROOM})
    figure.add_annotation(
        text=text,
        x=0,
        xref="paper",
        xanchor="left",
        y=1 if above else 0,
        yref="paper",
        yanchor="bottom",
        yshift=2 if above else 6 - layout.margin.b,
        showarrow=False,
        font={"size": 12, "color": "#666666"},
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
