"""Claim 1g (report 002): what can be decoded after each layer of a standard model and each loop of a looped one."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.studies.probe.figure import figures as probe_figures
from icltool.sweep.claims.overlay import report_results, trainings_compared
from icltool.sweep.collect import finished_runs

STAGES = ("probe-standard", "probe-looped")


def figures(sweep: Result) -> dict[str, go.Figure]:
    """By target: error by layer or loop with the control lines, and state x prefix for each model."""
    results = [result for stage in STAGES for _, result in finished_runs(sweep, stage)]
    reports = report_results(sweep, stage="probe-report-training")
    drawn: dict[str, go.Figure] = {}
    for target in dict.fromkeys(str(result.config["target"]) for result in results):
        same = [result for result in (*results, *reports) if result.config["target"] == target]
        drawn[f"error-by-state-{target}"] = probe_figures(same)["error-by-state"]
    for result in results:
        if not result.config["control"]:
            name = f"{result.label.partition(' ')[0]}-{result.config['target']}"
            drawn[f"error-by-prefix-{name}"] = probe_figures([result])["error-by-prefix"]
    return {**drawn, **trainings_compared(sweep, stage="looped")}
