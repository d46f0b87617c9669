"""Runs that differ in their seeds only, drawn as one: each record's mean over them, with the bootstrap's band."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from icltool.core.bootstrap import mean_over_seeds
from icltool.core.errors import InputError
from icltool.core.result import Result, Row, Value
from icltool.core.table import counted_range
from icltool.studies import study_named
from icltool.sweep.collect import finished_runs

Name = Callable[[Row], str]

# The column that a record's low and high belong to: the first of these that it has.
_MIDDLES = ("median", "mean")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a figure: its name, and the runs that it stands for, one a seed."""

    label: str
    runs: Sequence[Result]

    @property
    def result(self) -> Result:
        """The runs as one result under this name (see `mean_of_runs`)."""
        return dataclasses.replace(mean_of_runs(self.runs), label=self.label)


def series_of(sweep: Result, *, stage: str, name: Name, **where: Value) -> list[Series]:
    """The finished runs of a stage by name, which is made of what varied in each beside its seed.

    Only the runs whose varied settings have the values of `where`.
    """
    groups: dict[str, list[Result]] = {}
    for varied, result in finished_runs(sweep, stage):
        if all(varied[key] == value for key, value in where.items()):
            groups.setdefault(name(varied), []).append(result)
    return [Series(label=label, runs=runs) for label, runs in groups.items()]


def mean_of_runs(runs: Sequence[Result]) -> Result:
    """One result for runs of several seeds; a single run as it is, with its band over prompts.

    Records belong together that agree in the columns which their study declares (`Study.identity_columns`). Every other
    number is the mean over the seeds; low and high become the bootstrap's 5-95 % of the mean (or median) between them.
    Records that some run does not have, or has without a value, are left out. Everything else is the first run's.

    Raises `InputError` where no record is shared, or a run's own records are not told apart, or a word differs.
    """
    if len(runs) == 1:
        return runs[0]
    identity = study_named(runs[0].kind).identity_columns
    tables = [_by_identity(run, identity) for run in runs]
    shared = [[table[key] for table in tables] for key in tables[0] if all(key in table for table in tables)]
    if not shared and any(tables):
        names = ", ".join(str(run.run) for run in runs)
        raise InputError(f"the runs {names} share no record: none has the same {', '.join(identity)} in all of them")
    measured = [rows for rows in shared if all(row[_middle(row)] is not None for row in rows if _middle(row))]
    records = [_mean_record(rows, identity, kind=runs[0].kind) for rows in measured]
    banded = [(rows, record) for rows, record in zip(measured, records, strict=True) if _middle(record)]
    if banded:
        values = [[row[_middle(row)] for row in rows] for rows, _ in banded]
        band = mean_over_seeds(torch.tensor(values, dtype=torch.float64).T)
        for (_, record), mean, low, high in zip(banded, *(side.tolist() for side in band), strict=True):
            record.update({_middle(record): mean, "low": low, "high": high})
    return dataclasses.replace(runs[0], records=records, seeds=[run.run for run in runs])


def title_with_seeds(title: str, results: Sequence[Series | Result]) -> str:
    """The title, and of how many seeds its lines are the means; a line of one seed among them says so itself."""
    counts = {len(one.runs if isinstance(one, Series) else one.seeds) for one in results} - {0, 1}
    if not counts:
        return title
    seeds = counted_range(counts, "seed")
    if title.endswith(")"):
        return f"{title[:-1]}; mean of {seeds})"
    return f"{title} (mean of {seeds})"


def _by_identity(run: Result, identity: Sequence[str]) -> dict[tuple[Value, ...], Row]:
    """The records by their values of the identity columns, which must tell them apart."""
    records = {tuple(row.get(column) for column in identity): row for row in run.records}
    if len(records) < len(run.records):
        raise InputError(
            f"{run.run} holds two records with the same {', '.join(identity) or 'identity'}; "
            f"the study {run.kind!r} declares too few identity columns to average over seeds"
        )
    return records


def _mean_record(rows: Sequence[Row], identity: Sequence[str], *, kind: str) -> dict[str, Value]:
    """One record for the same record of several seeds; what is not measured, or the same in all, is the first's."""
    return {
        column: value if column in identity else _mean_value(column, [row.get(column) for row in rows], kind=kind)
        for column, value in rows[0].items()
    }


def _mean_value(column: str, values: Sequence[Value], *, kind: str) -> Value:
    """The mean of numbers, None where a run has none."""
    if all(value == values[0] for value in values):
        return values[0]
    if None in values:
        return None
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        words = ", ".join(repr(value) for value in dict.fromkeys(values))
        raise InputError(
            f"the column {column!r} is neither a number nor the same for every seed ({words}), "
            f"and the study {kind!r} does not declare it as an identity column"
        )
    return sum(numbers) / len(numbers)


def _middle(row: Row) -> str:
    """The column between low and high; empty for a record without a band."""
    return next((middle for middle in _MIDDLES if middle in row), "")
