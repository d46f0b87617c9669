"""Both planes along training: frames of the snapshots that runs left, with a slider and a play button."""

from collections.abc import Sequence

import plotly.graph_objects as go
from einops import rearrange
from torch import Tensor

from icltool.core.result import Result
from icltool.superposition.studies.double_descent.learner import read_trajectory
from icltool.superposition.studies.double_descent.plane import (
    SORTS,
    add_panel,
    arrows,
    chosen_runs,
    panels_of,
    set_extent,
)
from icltool.superposition.studies.double_descent.run import FEATURE

# Vectors of a panel: a frame holds all panels, and a page all frames.
MOST_VECTORS = 100
FRAME_MILLISECONDS = 150


def animation_figure(results: Sequence[Result]) -> go.Figure | None:
    """The plane of every chosen run (see `plane.chosen_runs`) at every snapshot; it opens at the last.

    Each panel keeps the scale of its whole trajectory. None where no run of m = 2 left snapshots; a run with other
    snapshots than the first is left out.
    """
    found = [(result, read_trajectory(result.run)) for result in chosen_runs(results)]
    kept = [(result, snapshots) for result, snapshots in found if snapshots is not None]
    if not kept:
        return None
    steps: list[int] = kept[0][1]["steps"].tolist()
    kept = [(result, snapshots) for result, snapshots in kept if snapshots["steps"].tolist() == steps]
    look = panels_of([result for result, _ in kept], title="Features and samples in the plane along training")
    panels = [_vectors(snapshots, sort) for sort in SORTS for _, snapshots in kept]
    for place, vectors in enumerate(panels):
        x, y = vectors[-1].tolist()
        add_panel(look, x, y, sort=SORTS[place // len(kept)], axis=place + 1)
        set_extent(look, place + 1, float(vectors.abs().amax()) or 1.0)
    look.frames = [
        go.Frame(name=str(step), data=[trace for vectors in panels for trace in _traces(vectors[number])])
        for number, step in enumerate(steps)
    ]
    look.update_layout(sliders=[_slider(steps)], updatemenus=[_buttons()], margin={"b": 120})
    return look


def _vectors(snapshots: dict[str, Tensor], sort: str) -> Tensor:
    """[frames, 2, N], rounded to what a screen shows."""
    vectors = snapshots["features" if sort == FEATURE else "samples"][:, :MOST_VECTORS]
    return rearrange(vectors.double(), "frames N xy -> frames xy N").round(decimals=4)


def _traces(vectors: Tensor) -> list[go.Scatter]:
    x, y = vectors.tolist()
    return [go.Scatter(**arrows(x, y)), go.Scatter(x=x, y=y)]


def _slider(steps: Sequence[int]) -> dict[str, object]:
    return {
        "active": len(steps) - 1,
        "currentvalue": {"prefix": "step "},
        "x": 0.12,
        "len": 0.88,
        "pad": {"t": 30},
        "steps": [{"label": str(step), "method": "animate", "args": [[str(step)], _now(0)]} for step in steps],
    }


def _buttons() -> dict[str, object]:
    return {
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "y": 0,
        "xanchor": "left",
        "yanchor": "top",
        "pad": {"t": 44},
        "showactive": False,
        "buttons": [
            {"label": "▶", "method": "animate", "args": [None, _now(FRAME_MILLISECONDS)]},
            {"label": "❚❚", "method": "animate", "args": [[None], _now(0)]},
        ],
    }


def _now(milliseconds: int) -> dict[str, object]:
    return {
        "mode": "immediate",
        "fromcurrent": True,
        "frame": {"duration": milliseconds, "redraw": False},
        "transition": {"duration": 0},
    }
