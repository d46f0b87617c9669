"""For m = 2: the columns of W and the hidden vectors of the samples as arrows in the plane, side by side."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from icltool.core.result import Result, Row
from icltool.figures.theme import colour, figure
from icltool.studies.double_descent.run import FEATURE, FINAL, SAMPLE

MOST_PLACES = 5
_NAMES = {FEATURE: "columns of W", SAMPLE: "hidden vectors h"}


def plane_figure(results: Sequence[Result]) -> go.Figure | None:
    """One run: both planes beside each other. Several: a column for each T (at most five), features above samples.

    Each panel has its own scale, the same along both axes. None without a result of m = 2.
    """
    chosen = _one_for_each_size([result for result in results if result.config["m"] == 2])
    if not chosen:
        return None
    places = [(result, measure) for measure in (FEATURE, SAMPLE) for result in chosen]
    single = len(chosen) == 1
    titles = [f"{_NAMES[measure]}, T = {result.config['T']}" for result, measure in places]
    rows, columns = (1, 2) if single else (2, len(chosen))
    panels = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=titles,
        horizontal_spacing=0.06 if single else 0.3 / columns,
        vertical_spacing=0.14,
    )
    look = figure(title="Features and samples in the plane", x="", y="")
    look.update_layout(panels["layout"])
    for index, (result, measure) in enumerate(places):
        _add_arrows(look, result.select(measure=measure), hue=0 if measure == FEATURE else 1, axis=index + 1)
        number = "" if index == 0 else str(index + 1)
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
        )
    look.update_annotations(font_size=13 if single else 11)
    look.update_layout(showlegend=False)
    return look


def _add_arrows(look: go.Figure, rows: Sequence[Row], *, hue: int, axis: int) -> None:
    """Thin lines from the origin and dots at the ends."""
    number = "" if axis == 1 else str(axis)
    along: dict[str, list[float | None]] = {"x": [], "y": []}
    for row in rows:
        for name, line in along.items():
            line += [0.0, float(str(row[name])), None]
    on = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    look.add_scatter(
        **along, **on, mode="lines", line={"color": colour(hue), "width": 0.8}, opacity=0.45, hoverinfo="skip"
    )
    look.add_scatter(
        x=[row["x"] for row in rows],
        y=[row["y"] for row in rows],
        **on,
        mode="markers",
        marker={"size": 4, "color": colour(hue)},
        text=[f"{row['index']}: D = {row['dimensionality']}" for row in rows],
        hovertemplate="%{text}<extra></extra>",
    )


def _one_for_each_size(results: Sequence[Result]) -> list[Result]:
    """The first result of each T, ascending; of many sizes the first, the last and some between."""
    by_size: dict[int, Result] = {}
    for result in results:
        by_size.setdefault(int(str(result.select(measure=FINAL)[0]["T"])), result)
    ordered = [by_size[size] for size in sorted(by_size)]
    places = {round((len(ordered) - 1) * place / (MOST_PLACES - 1)) for place in range(MOST_PLACES)}
    return [ordered[place] for place in sorted(places)] if ordered else []
