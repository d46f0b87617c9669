"""Figure and table of `coins`."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.core.table import Table
from icltool.figures.theme import figure


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """A bar a result."""
    look = figure(title="Heads of coins", x="run", y="share of heads")
    look.add_bar(x=[result.label for result in results], y=[result.summary["heads"] for result in results])
    return {"heads": look}


def table(result: Result) -> Table:
    """The share of heads."""
    return Table(title="Coins", columns=["", "heads"], rows=[["share", str(result.summary["heads"])]])
