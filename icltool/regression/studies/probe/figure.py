"""Figures of `probe`: error by loop or layer, a line a model, controls dashed; error by state and prefix."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, real, shared_value, whole
from icltool.core.table import Table, as_text, spread
from icltool.figures.curve_figures import learning_curves
from icltool.figures.heat_map import heat_map
from icltool.figures.marks import add_band_line, add_reference_line, mark_place, name_band, over_prompts
from icltool.figures.series_names import distinct_names
from icltool.figures.theme import figure
from icltool.regression.studies.probe.run import BY_PREFIX, BY_STATE

MOST_COLUMNS, MOST_ROWS = 7, 24
ERROR = "probe error (mean square over d)"
RELATIVE = "probe error (predicting zero = 1)"


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """By name: error by state for each target; with several targets all of them beside each other; prefixes; curves."""
    targets = list(dict.fromkeys(str(result.config["target"]) for result in results))
    drawn: dict[str, go.Figure] = {}
    for target in targets:
        same = [result for result in results if result.config["target"] == target]
        drawn[_numbered("error-by-state", target, targets)] = _error_by_state(same, target)
    if len(targets) > 1:
        drawn["targets-compared"] = _targets_compared(results)
    maps = [result for result in results if len({row["prefix"] for row in result.select(measure=BY_PREFIX)}) > 1]
    for index, result in enumerate(maps, start=1):
        drawn["error-by-prefix" if len(maps) == 1 else f"error-by-prefix-{index}"] = _error_by_prefix(result)
    drawn["learning-curve"] = learning_curves(
        {name: result.logged() for name, result in _named(results)},
        loss="loss",
        held_out="held_out_error",
        title="Learning curve of the probes, mean of all",
        y=ERROR,
    )
    return drawn


def table(result: Result) -> Table:
    """Rows: states, spread over the model; columns: the mean over prefixes, then some prefixes."""
    states = result.select(measure=BY_STATE)
    prefixes = list(dict.fromkeys(row["prefix"] for row in result.select(measure=BY_PREFIX)))
    columns = [prefixes[place] for place in spread(len(prefixes) - 1, MOST_COLUMNS)] if len(prefixes) > 1 else []
    by_place = {(row["index"], row["prefix"]): row["mean"] for row in result.select(measure=BY_PREFIX)}
    control = ", control" if result.config["control"] else ""
    rows = [states[place] for place in spread(len(states) - 1, MOST_ROWS)]
    mean = "mean" if columns else "error"
    return Table(
        title=f"Probe error, target {result.config['target']} of the first i points{control} (mean square over d)",
        columns=["", mean, *(f"i={prefix}" for prefix in columns)],
        rows=[
            *(
                [
                    str(row["state"]),
                    as_text(row["mean"]),
                    *(as_text(by_place[row["index"], prefix]) for prefix in columns),
                ]
                for row in rows
            ),
            ["predicting zero", as_text(rows[0]["zero"]), *(as_text(_zero(result, prefix)) for prefix in columns)],
        ],
    )


def _error_by_state(results: Sequence[Result], target: str) -> go.Figure:
    look = figure(title=f"Decoding {target} from each state (mean over prefixes)", x=_axis(results), y=ERROR)
    look.update_yaxes(rangemode="tozero")
    longest = max((result.select(measure=BY_STATE) for result in results), key=len)
    zero = [{"index": row["index"], "mean": row["zero"]} for row in longest]
    add_reference_line(look, zero, x="index", name="predicting zero", index=2)
    for hue, (name, result) in zip(_hues(results), _named(results), strict=True):
        add_band_line(look, result.select(measure=BY_STATE), x="index", name=name, index=hue)
        if result.config["control"]:
            look.update_traces(line_dash="dash", selector={"name": name})
    _mark_training(look, results)
    _name_band(look, results)
    look.update_layout(showlegend=True)
    return look


def _targets_compared(results: Sequence[Result]) -> go.Figure:
    look = figure(title="Decoding each target from each state (mean over prefixes)", x=_axis(results), y=RELATIVE)
    look.update_yaxes(rangemode="tozero")
    for hue, (name, result) in zip(_hues(results), _named(results), strict=True):
        rows: list[Row] = []
        for row in result.select(measure=BY_STATE):
            zero = real(row, "zero")
            rows.append({"index": row["index"], **{side: real(row, side) / zero for side in _SIDES}})
        add_band_line(look, rows, x="index", name=name, index=hue)
        if result.config["control"]:
            look.update_traces(line_dash="dash", selector={"name": name})
    _mark_training(look, results)
    _name_band(look, results)
    return look


def _error_by_prefix(result: Result) -> go.Figure:
    rows = result.select(measure=BY_PREFIX)
    control = ", control" if result.config["control"] else ""
    parts = [real(row, "mean") / real(row, "zero") for row in rows]
    return heat_map(
        [{**row, "part": part} for row, part in zip(rows, parts, strict=True)],
        x="index",
        y="prefix",
        value="part",
        title=f"Decoding {result.config['target']} of each prefix: {result.label}{control}",
        x_title=_axis([result]),
        y_title="prefix length (points)",
        value_title="error<br>(zero = 1)",
        span=(0.0, max(1.0, *parts)),
    )


_SIDES = ("mean", "low", "high")


def _named(results: Sequence[Result]) -> list[tuple[str, Result]]:
    """A distinct name a result: the model, then what sets it apart from the others."""
    differing = [setting for setting in ("target", "probe") if len({result.config[setting] for result in results}) > 1]
    names = [
        ", ".join([result.label, *(str(result.config[setting]) for setting in differing)])
        + (", control" if result.config["control"] else "")
        for result in results
    ]
    return list(zip(distinct_names(names, results), results, strict=True))


def _hues(results: Sequence[Result]) -> list[int]:
    """A colour a result; a control has that of the run which differs from it in nothing else."""
    shared = [
        tuple(
            sorted((key, str(value)) for key, value in {**result.config, **result.inputs}.items() if key != "control")
        )
        for result in results
    ]
    order = list(dict.fromkeys(shared))
    return [order.index(settings) for settings in shared]


def _axis(results: Sequence[Result]) -> str:
    rows = [row for result in results for row in result.select(measure=BY_STATE)]
    kinds = [kind for kind in ("loop", "layer") if any(row[kind] is not None for row in rows)]
    return f"{' or '.join(kinds)} (0: the embedding)"


def _mark_training(look: go.Figure, results: Sequence[Result]) -> None:
    """The trained number of loops, where states beyond it are shown."""
    looped = [result for result in results if whole(result.config, "loops") > 1]
    most = max((whole(result.config, "loops") for result in looped), default=1)
    b = shared_value(result.config.get("b") for result in looped)
    if isinstance(b, int) and most > b:
        mark_place(look, b, f"trained b = {b}")


def _name_band(look: go.Figure, results: Sequence[Result]) -> None:
    prompts = shared_value(result.config.get("eval_prompts") for result in results)
    name_band(look, results, single=over_prompts(prompts))


def _numbered(name: str, target: str, targets: Sequence[str]) -> str:
    return name if len(targets) == 1 else f"{name}-{target.replace(':', '-')}"


def _zero(result: Result, prefix: object) -> object:
    return next(row["zero"] for row in result.select(measure=BY_PREFIX) if row["prefix"] == prefix)
