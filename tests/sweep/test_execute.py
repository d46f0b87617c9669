"""Sweeps on real worker processes: collected, skipped, isolated, interrupted and resumed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from icltool.core.result import load_result
from icltool.core.run_folder import RunRequest
from icltool.studies.train.config import TrainConfig
from icltool.studies.train.run import run as train
from icltool.sweep.collect import AGGREGATE, RUN, aggregate, finished_runs
from icltool.sweep.execute import SweepFailedError, execute
from icltool.sweep.plan import SweepPlan, plan_sweep
from icltool.sweep.recipe import parse_recipe

TINY: dict[str, Any] = {
    "b": 1, "width": 8, "heads": 2, "d": 2, "n": 5, "batch": 4, "steps": 12, "eval_prompts": 16, "threads": 1,
}  # fmt: skip


def plan(folder: Path, **changes: Any) -> SweepPlan:
    stages: list[dict[str, Any]] = [
        {"name": "train", "study": "train", "settings": TINY, "grid": {"L": [1, 2], "seed": [0, 1]}, **changes},
        {
            "name": "measure", "study": "eval", "checkpoints": "train",
            "settings": {"loops": 2, "eval_prompts": 16, "threads": 1},
        },
    ]  # fmt: skip
    recipe = parse_recipe({"claim": "0", "title": "A test", "stage": stages}, where="r")
    return plan_sweep("r", recipe, scale=None, folder=folder, where="r")


def test_a_sweep_gives_what_the_runs_give_alone_and_a_repeat_runs_nothing(tmp_path: Path) -> None:
    planned = plan(tmp_path / "sweep")
    result = execute(planned, at_once=2)
    alone = train(TrainConfig.model_validate({**TINY, "L": 2, "seed": 1}), request=RunRequest(out=tmp_path / "alone"))
    inside = tmp_path / "sweep" / "train" / "L-2-seed-1"
    assert (inside / "model.safetensors").read_bytes() == (tmp_path / "alone" / "model.safetensors").read_bytes()
    assert [dict(varied) for varied, _ in finished_runs(result, "measure")] == [
        {"L": layers, "seed": seed} for layers in (1, 2) for seed in (0, 1)
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
    execute(planned, at_once=2)
    assert stamps == {run.folder: (run.folder / "result.json").stat().st_mtime_ns for run in planned.runs}


def test_a_failed_run_leaves_the_others_alone_and_what_hangs_on_it_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "sweep" / "train" / "L-1-seed-0"
    blocked.mkdir(parents=True)
    (blocked / "a file of somebody's").write_text("precious")
    with pytest.raises(
        SweepFailedError, match=r"2 of 8 runs failed, the first: train/L-1-seed-0: .*not a run folder"
    ) as error:
        execute(plan(tmp_path / "sweep"), at_once=2)
    rows = error.value.result.select(table=RUN, status="failed")
    assert [row["run"] for row in rows] == ["train/L-1-seed-0", "measure/L-1-seed-0"]
    assert "its checkpoint's run train/L-1-seed-0 failed" in str(rows[1]["error"])
    assert (blocked / "a file of somebody's").read_text() == "precious"


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
settings = {b = 1, width = 8, heads = 2, d = 2, n = 5, batch = 4, steps = 400, eval_prompts = 16, threads = 1}
grid = {seed = [0, 1, 2]}
"""


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "recipe.toml").write_text(RECIPE)
    command = [sys.executable, "-m", "icltool", "sweep", "recipe", "--jobs", "2", "--out"]
    process = subprocess.Popen([*command, "cut"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "cut").glob("train/*/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143, errors
    assert errors.strip().splitlines()[-1].startswith("error: interrupted with ")
    assert not (tmp_path / "cut" / "result.json").exists()
    subprocess.run([*command, "cut"], check=True, capture_output=True)
    subprocess.run([*command, "whole"], check=True, capture_output=True)
    for seed in range(3):
        cut, whole = (tmp_path / name / "train" / f"seed-{seed}" / "model.safetensors" for name in ("cut", "whole"))
        assert cut.read_bytes() == whole.read_bytes()
