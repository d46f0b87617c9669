"""Sweeps on real worker processes: collected, skipped, isolated, interrupted and resumed."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from icltool.core.errors import InterruptedRun, OutputError, RunFolderError
from icltool.core.result import load_result
from icltool.core.study import RunRequest
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run as train
from icltool.sweep.collect import AGGREGATE, RUN, aggregate, finished_runs
from icltool.sweep.engines.worker import Job, Outcome
from icltool.sweep.execute import SweepFailedError, execute
from icltool.sweep.plan import SweepPlan, plan_sweep
from icltool.sweep.recipe import parse_recipe
from tests.waiting import PATIENCE, said_by, wait_beside

TINY: dict[str, Any] = {
    "b": 1, "width": 8, "heads": 2, "d": 2, "n": 5, "batch": 4, "steps": 12, "eval_prompts": 16, "threads": 1,
    "batch_points": 0,
}  # fmt: skip


def plan(folder: Path, **axes: Any) -> SweepPlan:
    """A training a cell, and an evaluation of each; every run is a process of its own, so the fewer the better."""
    stages: list[dict[str, Any]] = [
        {"name": "train", "study": "train", "settings": TINY, "grid": {"L": [1], "seed": [0], **axes}},
        {
            "name": "measure", "study": "eval", "checkpoints": "train",
            "settings": {"loops": 2, "eval_prompts": 16, "threads": 1},
        },
    ]  # fmt: skip
    recipe = parse_recipe({"claim": "0", "title": "A test", "stage": stages}, where="r")
    return plan_sweep("r", recipe, scale=None, folder=folder, where="r")


def test_a_sweep_gives_what_the_runs_give_alone_and_a_repeat_runs_nothing(tmp_path: Path) -> None:
    planned = plan(tmp_path / "sweep", L=[2], seed=[0, 1])
    result = execute(planned, at_once=2)
    alone = train(TrainConfig.model_validate({**TINY, "L": 2, "seed": 1}), request=RunRequest(out=tmp_path / "alone"))
    inside = tmp_path / "sweep" / "train" / "L-2-seed-1"
    assert (inside / "model.safetensors").read_bytes() == (tmp_path / "alone" / "model.safetensors").read_bytes()
    assert [dict(varied) for varied, _ in finished_runs(result, "measure")] == [
        {"L": 2, "seed": seed} for seed in (0, 1)
    ]
    (mean,) = result.select(table=AGGREGATE, stage="train", L=2, measure="held_out_error")
    errors = [
        float(str(load_result(tmp_path / "sweep" / "train" / f"L-2-seed-{seed}").summary["held_out_error"]))
        for seed in (0, 1)
    ]
    assert mean["mean"] == pytest.approx(sum(errors) / 2)
    assert mean["runs"] == 2
    assert alone.summary["held_out_error"] == pytest.approx(errors[1])
    stamps = {run.folder: (run.folder / "result.json").stat().st_mtime_ns for run in planned.runs}
    started: list[Job] = []

    def engine(jobs: Sequence[Job], **_: Any) -> tuple[list[Outcome], int | None]:
        started.extend(jobs)
        return [], None

    again = execute(planned, at_once=2, engine=engine)
    assert started == [], "what is finished needs no process"
    assert again.records == result.records
    assert stamps == {run.folder: (run.folder / "result.json").stat().st_mtime_ns for run in planned.runs}


def test_a_failed_run_leaves_the_others_alone_and_what_hangs_on_it_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "sweep" / "train" / "L-1-seed-0"
    blocked.mkdir(parents=True)
    (blocked / "a file of somebody's").write_text("precious")
    with pytest.raises(
        SweepFailedError, match=r"2 of 4 runs failed, the first: train/L-1-seed-0: .*not a run folder"
    ) as error:
        execute(plan(tmp_path / "sweep", seed=[0, 1]), at_once=2)
    finished = error.value.result.select(table=RUN, status="finished")
    assert [row["run"] for row in finished] == ["train/L-1-seed-1", "measure/L-1-seed-1"]
    rows = error.value.result.select(table=RUN, status="failed")
    assert [row["run"] for row in rows] == ["train/L-1-seed-0", "measure/L-1-seed-0"]
    assert "its checkpoint's run train/L-1-seed-0 failed" in str(rows[1]["error"])
    assert (blocked / "a file of somebody's").read_text() == "precious"


def test_a_folder_that_another_sweep_has_or_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    planned = plan(tmp_path / "sweep")
    planned.folder.mkdir()
    with FileLock(planned.folder / ".lock"), pytest.raises(RunFolderError, match="in use by another sweep"):
        execute(planned, at_once=1)
    (planned.folder / ".lock").unlink(missing_ok=True)
    (planned.folder / ".lock").mkdir()
    with pytest.raises(OutputError, match=r"cannot write in .*sweep: .*; choose another --out"):
        execute(planned, at_once=1)
    assert [entry.name for entry in planned.folder.iterdir()] == [".lock"]


def test_seeds_are_aggregated_and_settings_are_not() -> None:
    rows = [
        {"table": RUN, "stage": "s", "run": "", "status": "finished", "error": "", "L": L, "seed": seed, "summary.e": e}
        for L, seed, e in ((1, 0, 1.0), (1, 1, 3.0), (2, 0, 5.0))
    ]
    means = {row["L"]: (row["mean"], row["low"], row["high"], row["runs"]) for row in aggregate(rows)}
    assert means == {1: (2.0, 1.0, 3.0, 2), 2: (5.0, 5.0, 5.0, 1)}


RECIPE = """
claim = "0"
title = "A test"
[[stage]]
name = "train"
study = "train"
settings = {b = 1, width = 8, heads = 2, d = 2, n = 5, batch = 4, batch_points = 0, steps = 300, threads = 1}
grid = {seed = [0, 1]}
"""


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "recipe.toml").write_text(RECIPE)
    # One at a time: the first is cut while it trains, the second before it has begun.
    command = [sys.executable, "-m", "icltool", "sweep", "recipe", "--jobs", "1", "--out", "cut"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_beside(process, lambda: any((tmp_path / "cut").glob("train/*/metrics.jsonl")), "the first logged step")
    os.kill(process.pid, signal.SIGTERM)
    # Saving takes a moment; a worker that waits for its parent would take a minute.
    _, errors = said_by(process, seconds=50)
    assert process.returncode == 143, errors
    assert errors.strip().splitlines()[-1].startswith("error: interrupted with ")
    told = [line for line in errors.splitlines() if " interrupted train/" in line]
    assert told == ["1/2 interrupted train/seed-0: stopped; its state is saved"], "of a run not begun nothing is told"
    assert not (tmp_path / "cut" / "result.json").exists()
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    settings = tomllib.loads(RECIPE)["stage"][0]["settings"]
    for seed in range(2):
        whole = tmp_path / f"whole-{seed}"
        train(TrainConfig.model_validate({**settings, "seed": seed}), request=RunRequest(out=whole))
        cut = tmp_path / "cut" / "train" / f"seed-{seed}" / "model.safetensors"
        assert cut.read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize("told", [signal.SIGTERM, None])
def test_a_signal_as_the_engine_returns_does_not_cut_the_answer_short(tmp_path: Path, told: int | None) -> None:
    def engine(jobs: Sequence[Job], **_: Any) -> tuple[list[Outcome], int | None]:
        os.kill(os.getpid(), signal.SIGINT)
        return [Outcome(name=job.name, status="finished") for job in jobs], told

    with pytest.raises(InterruptedRun, match="interrupted with 1 of 2 runs done; run the same command again") as error:
        execute(plan(tmp_path / "sweep"), at_once=1, engine=engine)
    assert error.value.signal_number == (told or signal.SIGINT)
