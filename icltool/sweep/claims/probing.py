"""Claim 1g (report 002): what can be decoded after each layer of a standard model and each loop of a looped one."""

from dataclasses import replace

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.regression.studies.probe.figure import figures as probe_figures
from icltool.sweep.claims.looped import trainings_compared
from icltool.sweep.seeds import Series, mean_of_runs, series_of, title_with_seeds

STAGES = ("probe-standard", "probe-looped")


def figures(sweep: Result) -> dict[str, go.Figure]:
    """By target: error by layer or loop with the control lines, and state x prefix for each model; seeds averaged."""
    probed = [one for stage in STAGES for one in series_of(sweep, stage=stage, name=_name)]
    reports = series_of(sweep, stage="probe-report-training", name=lambda _: "report")
    drawn: dict[str, go.Figure] = {}
    for target in dict.fromkeys(str(one.runs[0].config["target"]) for one in probed):
        same = [one for one in (*probed, *reports) if one.runs[0].config["target"] == target]
        by_state = probe_figures([_drawn(one) for one in same])["error-by-state"]
        title = title_with_seeds(by_state.layout.title.text, same)
        drawn[f"error-by-state-{target}"] = by_state.update_layout(title_text=title)
    for one in probed:
        result = mean_of_runs(one.runs)
        if not result.config["control"]:
            name = f"{result.label.partition(' ')[0]}-{result.config['target']}"
            by_prefix = probe_figures([result])["error-by-prefix"]
            title = title_with_seeds(by_prefix.layout.title.text, [one])
            drawn[f"error-by-prefix-{name}"] = by_prefix.update_layout(title_text=title)
    return {**drawn, **trainings_compared(sweep, stage="looped")}


def _name(varied: Row) -> str:
    return f"{varied['target']} {varied['control']}"


def _drawn(one: Series) -> Result:
    """The model's name stands in the legend, beside it how the report's was trained."""
    result = mean_of_runs(one.runs)
    return replace(result, label=f"{result.label}, report's training (one seed)") if one.label == "report" else result
