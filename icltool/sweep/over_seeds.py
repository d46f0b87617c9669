"""Runs that differ in their seeds only, drawn as one: each record's mean over them, with the bootstrap's band."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from icltool.core.metrics_log import MetricRow, read_rows
from icltool.core.result import Result, Row, Value
from icltool.core.seeding import generator
from icltool.evaluation.bootstrap import bootstrap_mean
from icltool.sweep.collect import finished_runs

Name = Callable[[Row], str]

# What a record says of its place is all its other columns.
_MIDDLES, _SIDES = ("mean", "median"), ("low", "high")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a figure: its name, and the runs that it stands for, one a seed."""

    label: str
    runs: Sequence[Result]

    @property
    def result(self) -> Result:
        """The runs as one result under this name (see `over_seeds`)."""
        return dataclasses.replace(over_seeds(self.runs), label=self.label)

    @property
    def curve(self) -> list[MetricRow]:
        """The mean over the runs of each column of metrics.jsonl, at the steps that all of them logged."""
        logged = [{row["step"]: row for row in read_rows(run.run / "metrics.jsonl")} for run in self.runs]
        shared = [step for step in logged[0] if all(step in steps for steps in logged)]
        return [_mean_row([steps[step] for steps in logged]) for step in shared]


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
        return runs[0]
    values = torch.tensor([[_middle(table[place]) for place in drawn] for table in tables], dtype=torch.float64)
    band = bootstrap_mean(values, generator(0, "over-seeds"))
    records = [
        {
            **tables[0][place],
            **{middle: mean for middle in _MIDDLES if middle in tables[0][place]},
            "low": low,
            "high": high,
        }
        for place, mean, low, high in zip(drawn, *(side.tolist() for side in band), strict=True)
    ]
    return dataclasses.replace(runs[0], records=records)


def told_of_seeds(title: str, series: Sequence[Series]) -> str:
    """The title, and of how many seeds its lines are the means; a line of one seed among them says so itself."""
    counts = {len(one.runs) for one in series} - {1}
    if not counts:
        return title
    seeds = f"{min(counts)} seeds" if len(counts) == 1 else f"{min(counts)} to {max(counts)} seeds"
    return f"{title} (mean of {seeds})"


def _place(row: Row) -> tuple[tuple[str, Value], ...]:
    return tuple((key, value) for key, value in row.items() if key not in (*_MIDDLES, *_SIDES))


def _middle(row: Row) -> float | None:
    found = next((row[middle] for middle in _MIDDLES if middle in row), None)
    return float(found) if isinstance(found, int | float) else None


def _mean_row(rows: Sequence[MetricRow]) -> MetricRow:
    mean: dict[str, float | int | None] = {"step": rows[0]["step"]}
    for column in rows[0]:
        values = [value for row in rows if (value := row.get(column)) is not None]
        if column != "step" and len(values) == len(rows):
            mean[column] = sum(values) / len(values)
    return mean
