"""Accuracy of an in-context learner on several tests, as a table to print."""

from icltool.core.result import Result, Row, real, whole
from icltool.core.table import Table, as_text, spread
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION, IMPROVEMENT

MOST_COLUMNS = 5


def accuracy_table(result: Result) -> Table:
    """Rows: the tests, then chance; columns: examples seen, and the improvement from the first to the last.

    Every learner of the result has an answer after none, a quarter, half, three quarters and all of the examples.
    """
    rows = result.select(measure=BY_POSITION)
    last = max(whole(row, "examples") for row in rows)
    shown = spread(last, MOST_COLUMNS)
    by_place = {(row_name(result, row), row["examples"]): row for row in rows}
    improvement = {row_name(result, row): row["mean"] for row in result.select(measure=IMPROVEMENT)}

    def cells(test: str) -> list[str]:
        at_the_end = by_place[test, last]
        half = (real(at_the_end, "high") - real(at_the_end, "low")) / 2
        return [*(f"{by_place[test, seen]['mean']:.3f}" for seen in shown), f"{half:.3f}", f"{improvement[test]:+.3f}"]

    tests = dict.fromkeys(row_name(result, row) for row in rows)
    chance = as_text(result.summary.get("chance"))
    return Table(
        title=f"Accuracy after k examples of a task (±: 95 % at k={last}; gain: from k=0 to k={last})",
        columns=["", *(f"k={seen}" for seen in shown), "±", "gain"],
        rows=[*([test, *cells(test)] for test in tests), ["chance", *(chance for _ in shown), "", ""]],
    )


def row_name(result: Result, row: Row) -> str:
    """What a record's line is called: its test, and the learner when it is not the result's own."""
    return str(row["test"]) if row["model"] == result.label else f"{row['model']}, {row['test']}"
