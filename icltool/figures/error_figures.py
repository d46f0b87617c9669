"""In-context error along the prompt and along the loops, for one or several models."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.figures.marks import LOG_FLOOR, add_band_line, add_reference_line, mark_place
from icltool.figures.theme import figure, log_range

ERROR = "squared error (predicting zero = 1)"


def series_names(results: Sequence[Result]) -> list[str]:
    """One distinct name a result: its label, with the run's folder where labels repeat."""
    labels = [result.label for result in results]
    return [
        f"{result.label} ({result.run.name})" if labels.count(result.label) > 1 else result.label for result in results
    ]


def error_by_example(results: Sequence[Result], *, measure: str) -> go.Figure:
    """Error against examples seen, a band a model, the baselines of the first result in grey."""
    look = figure(title="Error along the context", x="in-context examples seen", y=ERROR, log_y=True)
    if results:
        baselines = results[0].select(measure=measure, role="baseline")
        for index, name in enumerate(dict.fromkeys(str(row["model"]) for row in baselines)):
            rows = [row for row in baselines if row["model"] == name]
            add_reference_line(look, rows, x="examples", name=name, index=index)
    for index, (result, name) in enumerate(zip(results, series_names(results), strict=True)):
        rows = result.select(measure=measure, role="model")
        add_band_line(look, rows, x="examples", name=name, index=index)
    log_range(
        look, [1.5, *_extent([row for result in results for row in result.select(measure=measure, role="model")])]
    )
    dims = {result.config.get("d") for result in results}
    if len(dims) == 1 and isinstance(d := dims.pop(), int):
        mark_place(look, d, f"d = {d}")
    return look


def error_by_loop(results: Sequence[Result], *, measure: str) -> go.Figure | None:
    """Error of the last point against loops, the trained number marked; None when no model loops."""
    curves: list[tuple[str, list[Row]]] = [
        (name, rows)
        for result, name in zip(results, series_names(results), strict=True)
        if len(rows := result.select(measure=measure)) > 1
    ]
    if not curves:
        return None
    look = figure(title="Error of the last point after each loop", x="loop", y=ERROR, log_y=True)
    for index, (name, rows) in enumerate(curves):
        add_band_line(look, rows, x="loop", name=name, index=index)
    log_range(look, _extent([row for _, rows in curves for row in rows]))
    trained = {result.config.get("b") for result in results}
    if len(trained) == 1 and isinstance(b := trained.pop(), int):
        mark_place(look, b, f"trained b = {b}")
    return look


def _extent(rows: Sequence[Row]) -> list[float]:
    sides = [row[side] for row in rows for side in ("low", "high")]
    return [max(float(value), LOG_FLOOR) for value in sides if isinstance(value, int | float)]
