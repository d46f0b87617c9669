"""For m = 2: the columns of W and the hidden vectors of the samples as arrows in the plane, side by side."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from icltool.core.result import Result, Row, real, whole
from icltool.core.table import spread
from icltool.figures.theme import colour, figure
from icltool.superposition.studies.double_descent.run import FEATURE, FINAL, SAMPLE

MOST_PLACES = 5
SORTS = (FEATURE, SAMPLE)
_NAMES = {FEATURE: "columns of W", SAMPLE: "hidden vectors h"}


def plane_figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """The plane with a scale for each panel, and with one for all; nothing without a result of m = 2."""
    chosen = chosen_runs(results)
    if not chosen:
        return {}
    return {"plane": _plane(chosen, one_scale=False), "plane-one-scale": _plane(chosen, one_scale=True)}


def chosen_runs(results: Sequence[Result]) -> list[Result]:
    """Of the results with m = 2 the first of each T, ascending; of many sizes the first, the last, some between."""
    by_size: dict[int, Result] = {}
    for result in results:
        if result.config["m"] == 2:
            by_size.setdefault(whole(result.select(measure=FINAL)[0], "T"), result)
    ordered = [by_size[size] for size in sorted(by_size)]
    return [ordered[place] for place in spread(len(ordered) - 1, MOST_PLACES)] if ordered else []


def panels_of(chosen: Sequence[Result], *, title: str) -> go.Figure:
    """Empty panels: one run has both planes beside each other, several a column each, features above samples.

    The panel of run r and sort s (in the order of `SORTS`) has the axes with the number s * len(chosen) + r + 1.
    """
    single = len(chosen) == 1
    columns = 2 if single else len(chosen)
    panels = make_subplots(
        rows=1 if single else 2,
        cols=columns,
        subplot_titles=[f"{_NAMES[sort]}, T = {result.config['T']}" for sort in SORTS for result in chosen],
        horizontal_spacing=0.06 if single else 0.3 / columns,
        vertical_spacing=0.14,
    )
    look = figure(title=title, x="", y="")
    look.update_layout(panels["layout"])
    for axis in range(1, 2 * len(chosen) + 1):
        number = _axis_suffix(axis)
        look["layout"][f"yaxis{number}"].update(scaleanchor=f"x{number}", scaleratio=1, constrain="domain")
        look["layout"][f"xaxis{number}"].update(constrain="domain")
    for update in (look.update_xaxes, look.update_yaxes):
        update(
            zeroline=True,
            zerolinecolor="#d0d0d0",
            zerolinewidth=1,
            gridcolor="#f0f0f0",
            showline=False,
            ticks="",
            nticks=5,
            title_text="",
            tickfont_size=11,
            tickangle=0,
        )
    look.update_annotations(font_size=13 if single else 11)
    look.update_layout(showlegend=False)
    return look


def set_extent(look: go.Figure, axis: int, extent: float) -> None:
    """Let a panel reach from -extent to extent along both axes, with a little room."""
    reach = [-1.08 * extent, 1.08 * extent]
    look["layout"][f"xaxis{_axis_suffix(axis)}"].update(range=reach)
    look["layout"][f"yaxis{_axis_suffix(axis)}"].update(range=reach)


def arrows(x: Sequence[float], y: Sequence[float]) -> dict[str, list[float | None]]:
    """The points of one line that goes from the origin to every (x, y) and back by a gap."""
    return {"x": _from_origin(x), "y": _from_origin(y)}


def add_panel(look: go.Figure, x: Sequence[float], y: Sequence[float], *, sort: str, axis: int) -> go.Scatter:
    """Draw thin lines from the origin and dots at the ends; returns the dots."""
    hue = colour(SORTS.index(sort))
    on = {"xaxis": f"x{_axis_suffix(axis)}", "yaxis": f"y{_axis_suffix(axis)}"}
    look.add_scatter(
        **arrows(x, y), **on, mode="lines", line={"color": hue, "width": 0.8}, opacity=0.45, hoverinfo="skip"
    )
    dots = go.Scatter(x=x, y=y, **on, mode="markers", marker={"size": 4, "color": hue})
    look.add_trace(dots)
    return dots


def _plane(chosen: Sequence[Result], *, one_scale: bool) -> go.Figure:
    look = panels_of(chosen, title="Features and samples in the plane" + (", one scale" if one_scale else ""))
    extents: Mapping[str, float] = {
        sort: max((_extent(result.select(measure=sort)) for result in chosen), default=1.0) for sort in SORTS
    }
    for place, (sort, result) in enumerate((sort, result) for sort in SORTS for result in chosen):
        rows = result.select(measure=sort)
        x, y = ([real(row, name) for row in rows] for name in ("x", "y"))
        add_panel(look, x, y, sort=sort, axis=place + 1)
        look.data[-1].update(
            text=[f"{row['index']}: D = {row['dimensionality']}" for row in rows],
            hovertemplate="%{text}<extra></extra>",
        )
        set_extent(look, place + 1, max(extents.values()) if one_scale else _extent(rows))
    return look


def _extent(rows: Sequence[Row]) -> float:
    return max((abs(real(row, name)) for row in rows for name in ("x", "y")), default=0.0) or 1.0


def _from_origin(ends: Sequence[float]) -> list[float | None]:
    line: list[float | None] = []
    for end in ends:
        line += [0.0, end, None]
    return line


def _axis_suffix(axis: int) -> str:
    """How Plotly numbers axes: x, x2, x3."""
    return "" if axis == 1 else str(axis)
