"""Small pictures side by side, each with a title."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from icltool.figures.theme import figure

COLUMNS = 4
TITLES, LINE = 120, 220
"""Pixels that the titles and a line of pictures take, so that a page leaves no gap above them."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Rows of numbers, the first at the top. `plain`: grey from 0 to 1; else colours about zero."""

    title: str
    rows: Sequence[Sequence[float]]
    plain: bool


def image_grid(pictures: Sequence[Picture], *, title: str) -> go.Figure:
    """The pictures in rows of four; all coloured ones share one scale."""
    columns = min(COLUMNS, len(pictures))
    lines = -(-len(pictures) // columns)
    grid = make_subplots(
        rows=lines,
        cols=columns,
        subplot_titles=[picture.title for picture in pictures],
        horizontal_spacing=0.04,
        vertical_spacing=0.16 / lines,
    )
    reach = max(
        (abs(value) for picture in pictures if not picture.plain for row in picture.rows for value in row), default=1
    )
    for index, picture in enumerate(pictures):
        tones = (
            {"colorscale": "Greys", "zmin": 0, "zmax": 1}
            if picture.plain
            else {"colorscale": "RdBu", "zmin": -reach, "zmax": reach, "zmid": 0}
        )
        grid.add_heatmap(
            z=[list(row) for row in picture.rows],
            showscale=False,
            row=index // columns + 1,
            col=index % columns + 1,
            hovertemplate="row %{y}, column %{x}: %{z:.3f}<extra></extra>",
            **tones,
        )
    grid.update_layout(figure(title=title, x="", y="").to_dict()["layout"])
    grid.update_layout(margin={"l": 24, "r": 24, "t": 96, "b": 24}, height=TITLES + LINE * lines)
    grid.update_xaxes(visible=False, constrain="domain")
    grid.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain")
    for index in range(1, len(pictures) + 1):
        grid.update_yaxes(
            scaleanchor=f"x{index if index > 1 else ''}", row=(index - 1) // columns + 1, col=(index - 1) % columns + 1
        )
    return grid
