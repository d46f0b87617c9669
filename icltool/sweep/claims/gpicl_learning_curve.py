"""Claim 2e (report 003): accuracy against examples seen, of a learner that learns in context and one that cannot."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.evaluation.accuracy_records import BY_POSITION
from icltool.figures.accuracy_figures import add_chance
from icltool.figures.marks import add_band_line
from icltool.figures.theme import figure
from icltool.sweep.collect import finished_runs


def figures(sweep: Result) -> dict[str, go.Figure]:
    """A line a learner and test set on test images: the seeds' mean, the band their range (of one, its interval)."""
    look = figure(
        title="Accuracy within the sequence", x="examples of the task seen", y="accuracy (share of right answers)"
    )
    results = [result for _, result in finished_runs(sweep, "measure")]
    lines: dict[str, list[Row]] = {}
    for result in results:
        for row in result.select(measure=BY_POSITION, images="test"):
            lines.setdefault(f"{str(row['model']).partition(' ')[0]}, {row['test']}", []).append(row)
    for index, (name, rows) in enumerate(lines.items()):
        add_band_line(look, _over_seeds(rows), x="examples", name=name, index=index)
    add_chance(look, results)
    look.update_yaxes(range=[0, 1.02])
    return {"accuracy-by-position": look}


def _over_seeds(rows: Sequence[Row]) -> list[Row]:
    averaged: list[Row] = []
    for examples in sorted({int(str(row["examples"])) for row in rows}):
        here = [row for row in rows if row["examples"] == examples]
        means = [float(str(row["mean"])) for row in here]
        low, high = (here[0]["low"], here[0]["high"]) if len(here) == 1 else (min(means), max(means))
        averaged.append({"examples": examples, "mean": sum(means) / len(means), "low": low, "high": high})
    return averaged
