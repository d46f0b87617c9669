"""A heat map of long-form rows: a colour for each pair of two columns."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from icltool.core.result import Value
from icltool.figures.theme import figure

# Perceptually even, readable by the colour-blind and in grey print.
COLOURS = "Cividis"
MOST_TICKS = 16
# Marks beside a colour bar that say what its middle is.
LEAST_MARKS = 3


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
    log: bool = False,
) -> go.Figure:
    """`value` at each (`x`, `y`), in the order these first appear; a pair without a row stays blank.

    `span` fixes the ends of the colour bar (values beyond have the end's colour); `value_title` names it. With `log`
    the colours go by the logarithm of the values, which must be positive; what is written beside them are the values.
    """
    look = figure(title=title, x=x_title, y=y_title)
    across, up = (list(dict.fromkeys(row[column] for row in rows)) for column in (x, y))
    by_place = {(row[x], row[y]): row[value] for row in rows}
    low, high = span or (None, None)
    cells = [[by_place.get((column, line)) for column in across] for line in up]
    look.add_heatmap(
        x=across,
        y=up,
        z=[[_logarithm(cell) for cell in line] for line in cells] if log else cells,
        customdata=cells,
        colorscale=COLOURS,
        zmin=low,
        zmax=high,
        colorbar={"title": {"text": value_title}, "outlinewidth": 0, "ticks": "outside"},
        hovertemplate=f"{x_title}: %{{x}}<br>{y_title}: %{{y}}<br>%{{customdata:.3g}}<extra></extra>",
    )
    if log:
        marks = log_marks([float(cell) for line in cells for cell in line if isinstance(cell, int | float)])
        look.update_traces(
            colorbar={"tickvals": [math.log10(mark) for mark in marks], "ticktext": [f"{mark:.3g}" for mark in marks]}
        )
    look.update_xaxes(showgrid=False, tickvals=_ticks(across))
    look.update_yaxes(showgrid=False, tickvals=_ticks(up))
    return look


def log_marks(values: Sequence[float]) -> list[float]:
    """Round numbers within the extent of positive values, for a logarithmic scale.

    The decades where there are three, else 1, 2 and 5 of each, else some between; where these are few, the two ends.
    """
    low, high = min(values), max(values)
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        marks = [decade * digit for decade in decades for digit in digits if low <= decade * digit <= high]
        if len(marks) >= LEAST_MARKS:
            return marks
    return [low, high] if high > low else [low]


def _logarithm(cell: Value) -> float | None:
    return math.log10(cell) if isinstance(cell, int | float) and cell > 0 else None


def _ticks(places: Sequence[Value]) -> Sequence[Value]:
    """Every place, or every so many-th: never one between two."""
    return places[:: -(-len(places) // MOST_TICKS) or 1]
