"""For claims that are one study's figures more than once: each stage's, under the stage's name."""

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.studies import study_named
from icltool.sweep.collect import RUN, finished_runs


def figures(sweep: Result) -> dict[str, go.Figure]:
    """The figures of every stage's study over its runs, as `<stage>-<figure>`."""
    drawn: dict[str, go.Figure] = {}
    for stage in dict.fromkeys(str(row["stage"]) for row in sweep.select(table=RUN)):
        results = [result for _, result in finished_runs(sweep, stage)]
        if results:
            own = study_named(results[0].kind).figures()(results)
            drawn.update({f"{stage}-{name}": figure for name, figure in own.items()})
    return drawn
