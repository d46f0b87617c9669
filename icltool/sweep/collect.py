"""The result of a sweep: a row a run, and each measure aggregated over the seeds with a bootstrap band.

Records: `table` = "run" (stage, run, status, error, the varied settings, the summary's numbers) or "aggregate" (stage,
the varied settings without seeds, measure, mean, low, high, runs).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from icltool.core.bootstrap import mean_over_seeds
from icltool.core.result import Result, Row, Value, load_result
from icltool.sweep.engines.worker import Outcome
from icltool.sweep.plan import SweepPlan

KIND = "sweep"
RUN, AGGREGATE = "run", "aggregate"
SEEDS = ("seed", "eval_seed", "data_seed")
_MEASURE = "summary."


def collect(plan: SweepPlan, outcomes: Mapping[Path, Outcome]) -> Result:
    """Gather the runs' results and save them as one."""
    rows: list[dict[str, Value]] = []
    environment: Mapping[str, Value] = {}
    for run in plan.runs:
        outcome = outcomes[run.folder]
        row: dict[str, Value] = {
            "table": RUN,
            "stage": run.stage,
            "run": str(run.folder.relative_to(plan.folder)),
            "status": outcome.status,
            "error": outcome.error,
            **run.varied,
        }
        if outcome.status == "finished":
            result = load_result(run.folder)
            row.update({f"{_MEASURE}{name}": value for name, value in result.summary.items()})
            environment = result.environment
        rows.append(row)
    records: list[Row] = [*rows, *aggregate(rows)]
    result = Result(
        kind=KIND,
        label=plan.recipe.title,
        config={"recipe": plan.name, "claim": plan.recipe.claim, "scale": plan.scale, "figure": plan.recipe.figure},
        environment=environment,
        summary={
            "runs": len(rows),
            "failed": sum(row["status"] != "finished" for row in rows),
            "seconds": _total(rows, "seconds"),
        },
        records=records,
        run=plan.folder,
    )
    result.save()
    return result


def measures_of(row: Row) -> dict[str, float]:
    """The numbers of a run's summary."""
    return {
        key.removeprefix(_MEASURE): float(value)
        for key, value in row.items()
        if key.startswith(_MEASURE) and isinstance(value, int | float) and not isinstance(value, bool)
    }


def settings_of(row: Row) -> dict[str, Value]:
    """What varied in a run's row."""
    fixed = {"table", "stage", "run", "status", "error"}
    return {key: value for key, value in row.items() if key not in fixed and not key.startswith(_MEASURE)}


def aggregate(rows: Sequence[Row]) -> list[Row]:
    """Each measure over the runs that differ in their seeds only: mean, and the bootstrap's 5-95 % band."""
    groups: dict[tuple[tuple[str, Value], ...], list[Row]] = {}
    for row in rows:
        if row["status"] == "finished":
            apart = {key: value for key, value in settings_of(row).items() if key not in SEEDS}
            groups.setdefault((("stage", row["stage"]), *apart.items()), []).append(row)
    aggregated: list[Row] = []
    for key, members in groups.items():
        tables = [measures_of(row) for row in members]
        for measure in tables[0]:
            values = torch.tensor([table[measure] for table in tables if measure in table], dtype=torch.float64)
            band = mean_over_seeds(values, "sweep", measure)
            aggregated.append(
                {
                    "table": AGGREGATE,
                    **dict(key),
                    "measure": measure,
                    "mean": float(band.mean),
                    "low": float(band.low),
                    "high": float(band.high),
                    "runs": len(values),
                }
            )
    return aggregated


def finished_runs(sweep: Result, stage: str) -> list[tuple[Row, Result]]:
    """The runs of a stage that finished: what varied in each, and its own result."""
    rows = sweep.select(table=RUN, stage=stage, status="finished")
    return [(settings_of(row), load_result(sweep.run / str(row["run"]))) for row in rows]


def _total(rows: Sequence[Row], name: str) -> float:
    return round(sum(measures_of(row).get(name, 0.0) for row in rows), 1)
