"""A sweep's result as tables for people: means over the seeds, and what became of each run."""

from collections.abc import Sequence

from icltool.core.result import Result, Row, Value
from icltool.core.table import Table, as_text, banded
from icltool.sweep.collect import AGGREGATE, RUN, settings_of

_FIXED = {"table", "measure", "mean", "low", "high", "runs"}


def aggregates_table(sweep: Result, *, stage: str | None = None, measures: Sequence[str] | None = None) -> Table:
    """Means over the seeds, a row a setting; of one stage or all, and of these measures or all."""
    rows = [row for row in sweep.select(table=AGGREGATE) if stage in {None, row["stage"]}]
    measures = list(dict.fromkeys(str(row["measure"]) for row in rows)) if measures is None else measures
    hidden = _FIXED if stage is None else _FIXED | {"stage"}
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in hidden))
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        place = (*(as_text(row.get(key)) for key in keys), as_text(row["runs"]))
        groups.setdefault(place, {})[str(row["measure"])] = _cell(row)
    alone = all(row["runs"] == 1 for row in rows)
    return Table(
        title=f"{stage or sweep.label}: {'a run each' if alone else 'mean over seeds [5 %, 95 %]'}",
        columns=[key.replace("_", " ") for key in [*keys, "runs", *measures]],
        rows=[(*place, *(cells.get(measure, "-") for measure in measures)) for place, cells in groups.items()],
    )


def runs_table(sweep: Result) -> Table:
    """Each run's stage, settings and fate."""
    rows = sweep.select(table=RUN)
    keys = list(dict.fromkeys(key for row in rows for key in settings_of(row)))
    return Table(
        title="Runs",
        columns=["run", *(key.replace("_", " ") for key in keys), "status", "reason"],
        rows=[
            (str(row["run"]), *(as_text(row.get(key)) for key in keys), str(row["status"]), str(row["error"] or ""))
            for row in rows
        ],
    )


def failures_table(sweep: Result) -> Table:
    """The runs without a result, and why."""
    rows = [row for row in sweep.select(table=RUN) if row["status"] != "finished"]
    return Table(
        title="Runs without a result",
        columns=("run", "status", "reason"),
        rows=[(str(row["run"]), str(row["status"]), str(row["error"])) for row in rows],
    )


def _cell(row: Row) -> str:
    """The mean, with its band where there is more than one run."""
    mean, low, high = (_whole(row[column]) for column in ("mean", "low", "high"))
    return as_text(mean) if row["runs"] == 1 else banded(mean, low, high)


def _whole(value: Value) -> Value:
    """A mean of whole numbers that is one, as one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
