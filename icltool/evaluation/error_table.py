"""The errors of a model beside its baselines, at a few places along the context, as a table to print."""

from icltool.core.result import Result
from icltool.core.table import Table, number
from icltool.evaluation.error_records import BY_EXAMPLE

MOST_COLUMNS = 8


def error_table(result: Result) -> Table:
    """Rows: the model, then the baselines; columns: examples seen, spread over the prompt."""
    rows = result.select(measure=BY_EXAMPLE)
    last = max(int(str(row["examples"])) for row in rows)
    shown = sorted({round(last * place / (MOST_COLUMNS - 1)) for place in range(MOST_COLUMNS)})
    names = dict.fromkeys(str(row["model"]) for row in rows)
    by_place = {(str(row["model"]), row["examples"]): row["mean"] for row in rows}
    return Table(
        title="Squared error after k in-context examples (predicting zero = 1)",
        columns=["", *(f"k={seen}" for seen in shown)],
        rows=[[name, *(number(by_place.get((name, seen))) for seen in shown)] for name in names],
    )
