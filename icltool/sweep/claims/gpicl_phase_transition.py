"""Claim 2d (report 003): improvement within the sequence against the number of training tasks."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.gpicl.evaluation.accuracy_records import IMPROVEMENT
from icltool.gpicl.figures.accuracy_figures import improvement_by_tasks
from icltool.sweep.collect import finished_runs


def figures(sweep: Result) -> dict[str, go.Figure]:
    """A line a test set (seen tasks, unseen tasks, another data set), the band over the seeds, the transition."""
    results = [result for _, result in finished_runs(sweep, "measure")]
    return {"improvement-by-tasks": improvement_by_tasks(results, measure=IMPROVEMENT)}
