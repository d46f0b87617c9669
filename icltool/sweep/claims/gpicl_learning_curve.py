"""Claim 2e (report 003): accuracy against examples seen, of a learner that learns in context and one that cannot."""

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.figures.marks import add_band_line
from icltool.figures.theme import figure
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION
from icltool.gpicl.figures.accuracy_figures import add_chance
from icltool.sweep.seeds import series_of, told_of_seeds


def figures(sweep: Result) -> dict[str, go.Figure]:
    """A line a learner and test set on test images: the seeds' mean and its band (of one seed, its interval)."""
    series = series_of(sweep, stage="measure", name=lambda varied: str(varied["learner"]))
    results = [one.result for one in series]
    look = figure(
        title=told_of_seeds("Accuracy within the sequence", series),
        x="examples of the task seen",
        y="accuracy (share of right answers)",
    )
    lines: dict[str, list[Row]] = {}
    for result in results:
        for row in result.select(measure=BY_POSITION, images="test"):
            lines.setdefault(f"{str(row['model']).partition(' ')[0]}, {row['test']}", []).append(row)
    for index, (name, rows) in enumerate(lines.items()):
        add_band_line(look, rows, x="examples", name=name, index=index)
    add_chance(look, results)
    look.update_yaxes(range=[0, 1.02])
    return {"accuracy-by-position": look}
