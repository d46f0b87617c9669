"""Learning curves: what metrics.jsonl holds, against steps."""

from collections.abc import Mapping, Sequence
from typing import Literal

import plotly.graph_objects as go

from icltool.figures.marks import LOG_FLOOR
from icltool.figures.theme import colour, figure, log_range, translucent

SMOOTHING = 0.7

Rows = Sequence[Mapping[str, float | int | None]]


def learning_curves(
    runs: Mapping[str, Rows],
    *,
    loss: str,
    held_out: str,
    title: str,
    y: str,
    measure: Literal["error", "accuracy"] = "error",
) -> go.Figure:
    """Each run's loss (raw, faint; smoothed, thin) and its held-out measure (thick, with markers) against steps.

    `loss` is the column that is drawn for the training: the loss itself, or the running error or accuracy, whose
    places are those of the held-out one. An error stands on a log axis, an accuracy on a linear one.
    """
    accuracy = measure == "accuracy"
    look = figure(title=title, x="training step", y=y, log_y=not accuracy)
    for index, (name, rows) in enumerate(runs.items()):
        hue = colour(index)
        steps, losses = _series(rows, loss)
        look.add_scatter(
            x=steps,
            y=losses,
            mode="lines",
            line={"color": translucent(hue, 0.25), "width": 1},
            name=f"{name}: loss",
            showlegend=False,
            hoverinfo="skip",
        )
        look.add_scatter(
            x=steps,
            y=_smooth(losses),
            mode="lines",
            line={"color": hue, "width": 1.2, "dash": "dot"},
            name=f"{name}: training {measure if loss != 'loss' else loss}",
        )
        steps, errors = _series(rows, held_out)
        look.add_scatter(
            x=steps,
            y=errors,
            mode="lines+markers",
            line={"color": hue, "width": 2.5},
            marker={"size": 5},
            name=f"{name}: held-out {measure}",
        )
    if not accuracy:
        # The raw loss may leave: its lowest and highest steps say little.
        log_range(look)
    return look


def _series(rows: Rows, column: str) -> tuple[list[int], list[float]]:
    kept = [
        (int(row["step"] or 0), max(float(value), LOG_FLOOR)) for row in rows if (value := row.get(column)) is not None
    ]
    return [step for step, _ in kept], [value for _, value in kept]


def _smooth(values: list[float]) -> list[float]:
    """An exponential moving average, started at the first value."""
    smooth: list[float] = []
    for value in values:
        smooth.append(value if not smooth else SMOOTHING * smooth[-1] + (1 - SMOOTHING) * value)
    return smooth
