"""The tables of a sweep, row by row from rows made by hand."""

from pathlib import Path

from icltool.core.result import Result, Row
from icltool.sweep.tables import aggregates_table, failures_table, runs_table


def mean(stage: str, measure: str, band: tuple[float, float, float], *, runs: int = 3, **varied: float) -> Row:
    low, middle, high = band
    return {
        "table": "aggregate", "stage": stage, **varied, "measure": measure,
        "mean": middle, "low": low, "high": high, "runs": runs,
    }  # fmt: skip


def run(name: str, status: str, error: str | None = None, **varied: int) -> Row:
    return {"table": "run", "stage": "train", "run": name, "status": status, "error": error, **varied, "summary.e": 0.5}


def sweep(*rows: Row) -> Result:
    return Result(
        kind="sweep", label="A claim", config={}, environment={}, summary={}, records=list(rows), run=Path("unused")
    )


MEANS = (
    mean("train", "held_out_error", (0.1, 0.25, 0.5), L=1, batch_points=0),
    mean("train", "steps", (2000.0, 2000.0, 2000.0), L=1, batch_points=0),
    mean("train", "held_out_error", (0.2, 0.2, 0.2), L=2, batch_points=0),
    mean("measure", "error", (0.01, 0.02, 0.03), L=1, loops=4),
)


def test_a_row_is_a_setting_and_a_column_a_measure() -> None:
    table = aggregates_table(sweep(*MEANS), stage="train")
    assert table.title.startswith("train: mean over seeds")
    assert list(table.columns) == ["L", "batch points", "runs", "held out error", "steps"]
    assert [list(row) for row in table.rows] == [
        ["1", "0", "3", "0.25 [0.1, 0.5]", "2000"],
        # What was not measured is a dash; a band without width is left out.
        ["2", "0", "3", "0.2", "-"],
    ]


def test_all_stages_stand_in_one_table_with_their_names() -> None:
    table = aggregates_table(sweep(*MEANS))
    assert table.title.startswith("A claim: ")
    assert list(table.columns) == [
        "stage", "L", "batch points", "loops", "runs", "held out error", "steps", "error",
    ]  # fmt: skip
    assert list(table.rows[2]) == ["measure", "1", "-", "4", "3", "-", "-", "0.02 [0.01, 0.03]"]


def test_measures_that_are_asked_for_stand_alone() -> None:
    table = aggregates_table(sweep(*MEANS), stage="train", measures=["held_out_error"])
    assert list(table.columns)[-1] == "held out error"
    assert len(table.rows) == 2


def test_one_run_has_no_band() -> None:
    table = aggregates_table(sweep(mean("train", "parameters", (0.0, 1_234_567.0, 9.0), runs=1, L=1)), stage="train")
    assert table.title == "train: a run each"
    assert [list(row) for row in table.rows] == [["1", "1", "1234567"]]


RUNS = (
    run("train/L-1", "finished", L=1),
    run("train/L-2", "failed", "out of memory", L=2),
    run("train/L-4", "interrupted", "stopped", L=4),
)


def test_the_runs_and_those_without_a_result() -> None:
    runs = runs_table(sweep(*RUNS))
    assert list(runs.columns) == ["run", "L", "status", "reason"]
    assert [list(row) for row in runs.rows] == [
        ["train/L-1", "1", "finished", ""],
        ["train/L-2", "2", "failed", "out of memory"],
        ["train/L-4", "4", "interrupted", "stopped"],
    ]
    failures = failures_table(sweep(*RUNS))
    assert list(failures.columns) == ["run", "status", "reason"]
    assert [list(row) for row in failures.rows] == [
        ["train/L-2", "failed", "out of memory"],
        ["train/L-4", "interrupted", "stopped"],
    ]
