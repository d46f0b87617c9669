"""Figures of `mask-tokens`: error against the pairs kept, a line for each number of loops."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, real, shared_value, whole
from icltool.core.table import Table, as_text, spread
from icltool.figures.marks import LOG_FLOOR, add_band_line, mark_place, name_band, over_prompts
from icltool.figures.series_names import series_names
from icltool.figures.theme import DASHES, figure, log_range
from icltool.regression.figures.error_figures import ERROR
from icltool.regression.studies.mask_tokens.run import BY_PAIRS

# As many as a terminal of 80 columns holds; the figure shows them all.
MOST_COLUMNS = 7


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """One figure for each kind of mask among the results (which pairs, of what), by name."""
    kinds = dict.fromkeys((str(result.config["keep"]), str(result.config["scope"])) for result in results)
    return {
        f"error-by-pairs-kept-{keep}-{scope}": _error_by_pairs(
            [result for result in results if (result.config["keep"], result.config["scope"]) == (keep, scope)],
            keep=keep,
            scope=scope,
        )
        for keep, scope in kinds
    }


def table(result: Result) -> Table:
    """Rows: numbers of loops; columns: pairs kept, spread from none to all."""
    rows = result.select(measure=BY_PAIRS)
    most = max(whole(row, "pairs") for row in rows)
    shown = spread(most, MOST_COLUMNS)
    by_place = {(row["loop"], row["pairs"]): row["mean"] for row in rows}
    what = _what(result.config["keep"], result.config["scope"])
    return Table(
        title=f"Squared error at the query, {what} (predicting zero = 1)",
        columns=["loops", *(f"n={pairs}" for pairs in shown)],
        rows=[
            [str(loop), *(as_text(by_place.get((loop, pairs))) for pairs in shown)]
            for loop in dict.fromkeys(row["loop"] for row in rows)
        ],
    )


def _error_by_pairs(results: Sequence[Result], *, keep: str, scope: str) -> go.Figure:
    look = figure(
        title=f"Error at the query, {_what(keep, scope)}",
        x="pairs kept, n (the query's own is one)",
        y=ERROR,
        log_y=True,
    )
    lines: list[tuple[str, str, list[Row]]] = []
    for result, name in zip(results, series_names(results), strict=True):
        rows = result.select(measure=BY_PAIRS)
        for place, loop in enumerate(dict.fromkeys(row["loop"] for row in rows)):
            line = f"{loop} loops" if len(results) == 1 else f"{name}: {loop} loops"
            lines.append((line, DASHES[place % len(DASHES)], [row for row in rows if row["loop"] == loop]))
    for index, (line, dash, rows) in enumerate(lines):
        add_band_line(look, rows, x="pairs", name=line, index=index)
        # A state at its fixed point gives one curve whatever the loops: dashes let the covered lines show.
        look.update_traces(selector={"name": line}, line_dash=dash)
    log_range(look, [max(real(row, side), LOG_FLOOR) for *_, rows in lines for row in rows for side in ("low", "high")])
    d = shared_value(result.config.get("d") for result in results)
    if isinstance(d, int):
        mark_place(look, d, f"d = {d}")
    prompts = shared_value(result.config.get("eval_prompts") for result in results)
    name_band(look, results, single=over_prompts(prompts))
    return look


def _what(keep: object, scope: object) -> str:
    return f"only the {keep} n pairs of the {'state' if scope == 'state' else 'prompt'} kept"
