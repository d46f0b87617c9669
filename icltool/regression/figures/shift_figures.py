"""Errors under shifts of the prompts, as a coloured table."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, real
from icltool.core.table import as_text
from icltool.figures.marks import LOG_FLOOR
from icltool.figures.series_names import series_names
from icltool.figures.theme import figure
from icltool.regression.evaluation.error_records import BY_SHIFT, ZERO
from icltool.regression.evaluation.error_table import last_under_shifts

# The colours' ends: ten times better and ten times worse than predicting zero.
DECADES = 1.0


def error_by_shift(results: Sequence[Result]) -> go.Figure | None:
    """The error after all examples: a row a shift, a column a learner (baselines of the first result).

    Numbers are errors; colours compare with predicting zero under the same shift. None when no result holds shifts.
    """
    held = {name: result.select(measure=BY_SHIFT) for result, name in zip(results, series_names(results), strict=True)}
    held = {name: last_under_shifts(rows) for name, rows in held.items() if rows}
    if not held:
        return None
    columns: dict[str, dict[str, Row]] = {}
    for name, rows in held.items():
        columns[name] = {shift: row for (shift, _), row in rows.items() if row["role"] == "model"}
    for (shift, learner), row in next(iter(held.values())).items():
        if row["role"] == "baseline":
            columns.setdefault(learner, {})[shift] = row
    shifts = list(columns[ZERO])
    look = figure(title="Squared error under shifts, all examples seen", x="", y="")
    useless = columns[ZERO]
    look.add_heatmap(
        x=[name.replace(" ", "<br>") for name in columns],
        y=[f"{shift} (k = {columns[ZERO][shift]['examples']})" for shift in shifts],
        z=[[_decades(rows.get(shift), useless[shift]) for rows in columns.values()] for shift in shifts],
        text=[[as_text(rows[shift]["mean"]) if shift in rows else "" for rows in columns.values()] for shift in shifts],
        texttemplate="%{text}",
        textfont={"size": 12},
        colorscale="RdBu_r",
        zmin=-DECADES,
        zmid=0,
        zmax=DECADES,
        xgap=1,
        ygap=1,
        colorbar={
            "title": {"text": "error / that of<br>predicting zero<br> ", "font": {"size": 12}},
            "tickvals": [-1, 0, 1],
            "ticktext": ["≤ 0.1", "1", "≥ 10"],
        },
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )
    look.update_yaxes(type="category", autorange="reversed", showgrid=False, ticks="")
    look.update_xaxes(type="category", side="top", tickangle=0, showgrid=False, ticks="")
    look.update_layout(title={"y": 0.98, "yref": "container", "yanchor": "top"}, margin={"t": 124})
    return look


def _decades(row: Row | None, zero: Row) -> float | None:
    """log10 of the error over that of predicting zero."""
    if row is None:
        return None
    return math.log10(max(real(row, "mean"), LOG_FLOOR) / max(real(zero, "mean"), LOG_FLOOR))
