"""Claim 1e (report 001): error when only n pairs of the recurrent state, or of the prompt, are kept."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, real, shared_value
from icltool.figures.marks import LOG_FLOOR, add_band_line, explain_line, mark_place, name_band, over_prompts
from icltool.figures.theme import DASHES, colour, figure, log_range
from icltool.regression.figures.error_figures import ERROR
from icltool.regression.studies.mask_tokens.run import BY_PAIRS
from icltool.sweep.claims.looped import report_series, trainings_compared
from icltool.sweep.collect import RUN
from icltool.sweep.seeds import Series, series_of, title_with_seeds

PLACES = {"state": "recurrent state", "input": "prompt"}


def figures(sweep: Result) -> dict[str, go.Figure]:
    """One figure for each kind of mask: a colour a model, a dash for b, 2b, 3b loops; both trainings at one point."""
    kinds = dict.fromkeys((str(row["keep"]), str(row["scope"])) for row in sweep.select(table=RUN, stage="mask"))
    drawn: dict[str, go.Figure] = {}
    for keep, scope in kinds:
        models = series_of(
            sweep, stage="mask", name=lambda varied: f"b={varied['b']} T={varied['T']}", keep=keep, scope=scope
        )
        if (keep, scope) == ("last", "state"):
            models += report_series(sweep, stage="mask-report-training")
        drawn[f"{keep}-pairs-of-the-{scope}"] = _error_by_pairs(models, keep=keep, scope=scope)
    return {**drawn, **trainings_compared(sweep, stage="train")}


def _error_by_pairs(models: Sequence[Series], *, keep: str, scope: str) -> go.Figure:
    look = figure(
        title=title_with_seeds(f"Only the {keep} n pairs of the {PLACES[scope]} kept", models),
        x="pairs kept, n (the query's own is one)",
        y=ERROR,
        log_y=True,
    )
    drawn: list[Row] = []
    multiples = 0
    for hue, one in enumerate(models):
        name, rows = one.label, one.result.select(measure=BY_PAIRS)
        loops = list(dict.fromkeys(row["loop"] for row in rows))
        multiples = max(multiples, len(loops))
        for place, loop in enumerate(loops):
            line = [row for row in rows if row["loop"] == loop]
            if place == 0:
                add_band_line(look, line, x="pairs", name=name, index=hue)
                look.update_traces(selector={"name": name}, mode="lines")
                continue
            # Only the line: three bands of one colour over each other would hide more than they tell.
            look.add_scatter(
                x=[row["pairs"] for row in line],
                y=[max(real(row, "mean"), LOG_FLOOR) for row in line],
                name=f"{name}, {loop} loops",
                legendgroup=name,
                showlegend=False,
                mode="lines",
                line={"color": colour(hue), "width": 2, "dash": DASHES[place]},
            )
        drawn += rows
    for place in range(multiples):
        explain_line(look, f"{place + 1 if place else ''}b loops", width=1.5, dash=DASHES[place])
    log_range(look, _sides(drawn))
    d = shared_value(result.config.get("d") for one in models for result in one.runs)
    if isinstance(d, int):
        mark_place(look, d, f"d = {d}")
    prompts = shared_value(result.config.get("eval_prompts") for one in models for result in one.runs)
    name_band(look, [one.result for one in models], single=over_prompts(prompts))
    return look


def _sides(rows: Sequence[Row]) -> list[float]:
    return [max(real(row, side), LOG_FLOOR) for row in rows for side in ("low", "high")]
