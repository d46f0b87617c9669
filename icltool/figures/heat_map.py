"""A heat map of long-form rows: a colour for each pair of two columns."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from icltool.core.result import Value
from icltool.figures.theme import figure

# Perceptually even, readable by the colour-blind and in grey print.
COLOURS = "Cividis"
MOST_TICKS = 16


def heat_map(
    rows: Sequence[Mapping[str, Value]],
    *,
    x: str,
    y: str,
    value: str,
    title: str,
    x_title: str,
    y_title: str,
    value_title: str,
    span: tuple[float, float] | None = None,
) -> go.Figure:
    """`value` at each (`x`, `y`), in the order these first appear; a pair without a row stays blank.

    `span` fixes the ends of the colour bar (values beyond have the end's colour); `value_title` names it.
    """
    look = figure(title=title, x=x_title, y=y_title)
    across, up = (list(dict.fromkeys(row[column] for row in rows)) for column in (x, y))
    by_place = {(row[x], row[y]): row[value] for row in rows}
    low, high = span or (None, None)
    look.add_heatmap(
        x=across,
        y=up,
        z=[[by_place.get((column, line)) for column in across] for line in up],
        colorscale=COLOURS,
        zmin=low,
        zmax=high,
        colorbar={"title": {"text": value_title}, "outlinewidth": 0, "ticks": "outside"},
        hovertemplate=f"{x_title}: %{{x}}<br>{y_title}: %{{y}}<br>%{{z:.3g}}<extra></extra>",
    )
    look.update_xaxes(showgrid=False, tickvals=_ticks(across))
    look.update_yaxes(showgrid=False, tickvals=_ticks(up))
    return look


def _ticks(places: Sequence[Value]) -> Sequence[Value]:
    """Every place, or every so many-th: never one between two."""
    return places[:: -(-len(places) // MOST_TICKS) or 1]
