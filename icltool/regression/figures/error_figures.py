"""In-context error along the prompt and along the loops, for one or several models."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, real, shared_value, whole
from icltool.figures.marks import LOG_FLOOR, add_band_line, add_reference_line, mark_place, name_band, over_prompts
from icltool.figures.series_names import series_names
from icltool.figures.theme import GREYS, colour, figure, log_range
from icltool.regression.evaluation.error_records import BY_EXAMPLE, BY_LOOP, HALTING, RESIDUAL
from icltool.regression.evaluation.error_table import learner_names

ERROR = "squared error (predicting zero = 1)"
# Beyond this many loops a linear axis would hide the trained ones.
LINEAR_LOOPS = 150
# Up to so many every loop is labelled; left to itself the axis would label halves of a loop.
FEW_LOOPS = 12
# Symbols of baselines measured at a few places only.
SYMBOLS = ("circle-open", "square-open", "diamond-open", "triangle-up-open", "cross-open", "x-open")


def error_by_example(results: Sequence[Result]) -> go.Figure:
    """Error against examples seen, a band a model, the baselines of the first result in grey."""
    look = figure(title="Error along the context", x="in-context examples seen", y=ERROR, log_y=True)
    if results:
        _add_baselines(look, results[0].select(measure=BY_EXAMPLE, role="baseline"))
    for index, (result, name) in enumerate(zip(results, series_names(results), strict=True)):
        rows = result.select(measure=BY_EXAMPLE, role="model")
        add_band_line(look, rows, x="examples", name=name, index=index)
    drawn = [row for result in results for row in result.select(measure=BY_EXAMPLE, role="model")]
    log_range(look, [1.5, *_extent(drawn)])
    d = shared_value(result.config.get("d") for result in results)
    if isinstance(d, int):
        mark_place(look, d, f"d = {d}")
    name_band(look, results, single=_over_their_prompts(drawn))
    return look


def error_by_loop(results: Sequence[Result]) -> go.Figure | None:
    """Error of the last point against loops, each model's trained number marked; None when no model loops."""
    return _along_the_loops(results, measure=BY_LOOP, title="Error of the last point after each loop", y=ERROR)


def residual_by_loop(results: Sequence[Result]) -> go.Figure | None:
    """How far a loop moves the state (median and 5-95 % of the prompts) against loops; None when no model loops."""
    title = "Change of the state by each loop (0 at a fixed point)"
    y = "‖z<sub>t</sub> − z<sub>t−1</sub>‖ / ‖z<sub>t−1</sub>‖"
    return _along_the_loops(results, measure=RESIDUAL, title=title, y=y, middle="median")


def error_by_loops_spent(results: Sequence[Result]) -> go.Figure | None:
    """Error against loops spent: the same number for all prompts (line), or each prompt's own (marks, one a tolerance).

    None when no result holds halting.
    """
    halted = [
        (name, result)
        for result, name in zip(results, series_names(results), strict=True)
        if result.select(measure=HALTING)
    ]
    if not halted:
        return None
    look = figure(title="Loops that stop when the state has settled", x="loops spent (mean)", y=ERROR, log_y=True)
    for index, (name, result) in enumerate(halted):
        add_band_line(look, result.select(measure=BY_LOOP), x="loop", name=f"{name}: same for all", index=index)
        rows = sorted(result.select(measure=HALTING), key=lambda row: real(row, "loops_spent"))
        means = [max(real(row, "mean"), LOG_FLOOR) for row in rows]
        look.add_scatter(
            x=[row["loops_spent"] for row in rows],
            y=means,
            name=f"{name}: halting",
            mode="lines+markers+text",
            text=[f"{real(row, 'tolerance'):g}" if row["asked"] else "" for row in rows],
            textposition="top center",
            customdata=[[row["tolerance"]] for row in rows],
            hovertemplate="tolerance %{customdata[0]:.3g}: %{x:.3g} loops, error %{y:.3g}",
            line={"color": colour(index), "width": 1.5, "dash": "dot"},
            marker={
                "symbol": ["star" if row["asked"] else "diamond-open" for row in rows],
                "size": [14 if row["asked"] else 9 for row in rows],
                "color": colour(index),
                "line": {"width": 2, "color": colour(index)},
            },
        )
    drawn = [row for _, result in halted for row in result.select(measure=BY_LOOP)]
    log_range(look, _extent(drawn))
    b = shared_value(result.config.get("b") for _, result in halted)
    if isinstance(b, int):
        mark_place(look, b, f"trained b = {b}")
    name_band(look, [result for _, result in halted], single=_over_their_prompts(drawn))
    return look


def _along_the_loops(
    results: Sequence[Result], *, measure: str, title: str, y: str, middle: str = "mean"
) -> go.Figure | None:
    curves: list[tuple[str, Result, list[Row]]] = [
        (name, result, [{**row, "mean": row[middle]} for row in rows])
        for result, name in zip(results, series_names(results), strict=True)
        if len(rows := result.select(measure=measure)) > 1
    ]
    if not curves:
        return None
    most = max(whole(row, "loop") for _, _, rows in curves for row in rows)
    look = figure(title=title, x="loop", y=y, log_y=True, log_x=most > LINEAR_LOOPS)
    if most <= FEW_LOOPS:
        look.update_xaxes(dtick=1)
    for index, (name, _, rows) in enumerate(curves):
        add_band_line(look, rows, x="loop", name=name, index=index)
    drawn = [row for _, _, rows in curves for row in rows]
    log_range(look, _extent(drawn))
    if most > LINEAR_LOOPS:
        log_range(look, side="x")
    b = shared_value(result.config.get("b") for _, result, _ in curves)
    if isinstance(b, int):
        mark_place(look, b, f"trained b = {b}")
    else:
        _mark_trained(look, curves)
    single = "5-95 % of the prompts" if middle == "median" else _over_their_prompts(drawn)
    name_band(look, [result for _, result, _ in curves], single=single)
    return look


def _mark_trained(look: go.Figure, curves: Sequence[tuple[str, Result, list[Row]]]) -> None:
    """A star on each curve at its own trained number of loops."""
    for index, (name, result, rows) in enumerate(curves):
        here = [row for row in rows if row["loop"] == result.config.get("b")]
        look.add_scatter(
            x=[row["loop"] for row in here],
            y=[row["mean"] for row in here],
            name="trained b",
            legendgroup=name if index else "trained b",
            showlegend=index == 0,
            mode="markers",
            marker={"symbol": "star", "size": 14, "color": colour(index), "line": {"width": 1, "color": "white"}},
        )


def _add_baselines(look: go.Figure, baselines: list[Row]) -> None:
    """Grey lines; those measured on fewer prompts, at a few places, with a symbol at each."""
    most = len({row["examples"] for row in baselines})
    few = 0
    for index, (name, shown) in enumerate(learner_names(baselines).items()):
        rows = [row for row in baselines if row["model"] == name]
        if len(rows) == most:
            add_reference_line(look, rows, x="examples", name=shown, index=index)
            continue
        look.add_scatter(
            x=[row["examples"] for row in rows],
            y=[max(real(row, "mean"), LOG_FLOOR) for row in rows],
            name=shown,
            mode="lines+markers",
            line={"color": GREYS[index % len(GREYS)], "width": 0.8},
            marker={"symbol": SYMBOLS[few % len(SYMBOLS)], "size": 9, "line": {"width": 1.5}},
        )
        few += 1


def _over_their_prompts(rows: Sequence[Row]) -> str:
    return over_prompts(shared_value(row.get("prompts") for row in rows))


def _extent(rows: Sequence[Row]) -> list[float]:
    sides = [row[side] for row in rows for side in ("low", "high")]
    return [max(float(value), LOG_FLOOR) for value in sides if isinstance(value, int | float)]
