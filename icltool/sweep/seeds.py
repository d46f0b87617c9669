"""Runs that differ in their seeds only, drawn as one: each record's mean over them, with the bootstrap's band."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from icltool.core.bootstrap import bootstrap_mean
from icltool.core.result import Result, Row, Value
from icltool.core.seeding import generator
from icltool.sweep.collect import finished_runs

Name = Callable[[Row], str]

# What a record measures; its place is all its other columns.
_MIDDLES, _SIDES, _BESIDE = ("mean", "median"), ("low", "high"), ("loops_spent",)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a figure: its name, and the runs that it stands for, one a seed."""

    label: str
    runs: Sequence[Result]

    @property
    def result(self) -> Result:
        """The runs as one result under this name (see `over_seeds`)."""
        return dataclasses.replace(over_seeds(self.runs), label=self.label)


def series_of(sweep: Result, *, stage: str, name: Name, **where: Value) -> list[Series]:
    """The finished runs of a stage by name, which is made of what varied in each beside its seed.

    Only the runs whose varied settings have the values of `where`.
    """
    groups: dict[str, list[Result]] = {}
    for varied, result in finished_runs(sweep, stage):
        if all(varied[key] == value for key, value in where.items()):
            groups.setdefault(name(varied), []).append(result)
    return [Series(label=label, runs=runs) for label, runs in groups.items()]


def over_seeds(runs: Sequence[Result]) -> Result:
    """One result for runs of several seeds; a single run as it is, with its band over prompts.

    A record's mean (or median) is the mean over the seeds and its band the bootstrap's 5-95 % of that mean; records
    that some run does not have are left out. Everything else is the first run's.
    """
    if len(runs) == 1:
        return runs[0]
    tables = [{_place(row): row for row in run.records} for run in runs]
    places = [place for place in tables[0] if all(place in table for table in tables)]
    drawn = [place for place in places if all(_middle(table[place]) is not None for table in tables)]
    if not drawn:
        return dataclasses.replace(runs[0], records=[], seeds=[run.run for run in runs])
    values = torch.tensor([[_middle(table[place]) for place in drawn] for table in tables], dtype=torch.float64)
    band = bootstrap_mean(values, generator(0, "over-seeds"))
    records = [
        {
            **tables[0][place],
            **{middle: mean for middle in _MIDDLES if middle in tables[0][place]},
            **{name: _mean([table[place] for table in tables], name) for name in _BESIDE if name in tables[0][place]},
            "low": low,
            "high": high,
        }
        for place, mean, low, high in zip(drawn, *(side.tolist() for side in band), strict=True)
    ]
    return dataclasses.replace(runs[0], records=records, seeds=[run.run for run in runs])


def told_of_seeds(title: str, results: Sequence[Series | Result]) -> str:
    """The title, and of how many seeds its lines are the means; a line of one seed among them says so itself."""
    counts = {len(one.runs if isinstance(one, Series) else one.seeds) for one in results} - {0, 1}
    if not counts:
        return title
    seeds = f"{min(counts)} seeds" if len(counts) == 1 else f"{min(counts)} to {max(counts)} seeds"
    if title.endswith(")"):
        return f"{title[:-1]}; mean of {seeds})"
    return f"{title} (mean of {seeds})"


def _place(row: Row) -> tuple[tuple[str, Value], ...]:
    return tuple((key, value) for key, value in row.items() if key not in (*_MIDDLES, *_SIDES, *_BESIDE))


def _mean(rows: Sequence[Row], name: str) -> float:
    return sum(float(str(row[name])) for row in rows) / len(rows)


def _middle(row: Row) -> float | None:
    found = next((row[middle] for middle in _MIDDLES if middle in row), None)
    return float(found) if isinstance(found, int | float) else None
