"""Sweeps on a real Ray of this machine: the local engine's bytes, through the deaths of workers and of the driver."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from icltool.core.errors import UsageError
from icltool.core.progress import StepProgress
from icltool.core.result import load_result
from icltool.core.study import RunRequest
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run as train
from icltool.sweep.engines.choice import EngineChoice, chosen_engine
from icltool.sweep.engines.ray_cluster import Resources, require_room
from icltool.sweep.engines.worker import Job, Outcome, do_job
from icltool.sweep.execute import SilentWatcher, execute
from icltool.sweep.plan import PlannedRun, SweepPlan, plan_sweep
from icltool.sweep.recipe import parse_recipe, read_recipe
from tests.sweep.engines.ray_processes import workers_below
from tests.waiting import PATIENCE, said_by, wait_beside

RECIPE = Path(__file__).parents[3] / "recipes" / "looped-layers" / "recipe.toml"
RAY = EngineChoice(engine="ray")
SETTINGS: dict[str, Any] = {
    "b": 1, "width": 8, "heads": 2, "d": 2, "n": 5, "batch": 4, "batch_points": 0, "steps": 1500, "eval_prompts": 16,
    "log_every": 20, "save_every": 100, "threads": 1,
}  # fmt: skip
TOML = f"""
claim = "0"
title = "A test"
[[stage]]
name = "train"
study = "train"
settings = {{{", ".join(f"{name} = {value}" for name, value in SETTINGS.items())}}}
grid = {{seed = [0, 1]}}
"""


def smoke(folder: Path) -> SweepPlan:
    name, content = read_recipe(RECIPE)
    return plan_sweep(name, content, scale="smoke", folder=folder, where="r")


def in_this_process(jobs: Sequence[Job], **_: Any) -> tuple[list[Outcome], int | None]:
    return [do_job(job) for job in jobs], None


class Killer(SilentWatcher):
    """Kills the first worker that reports a step after it has saved."""

    def __init__(self) -> None:
        self.killed = 0
        self.steps: list[int] = []

    def report(self, name: str, progress: StepProgress) -> None:
        self.steps.append(progress.step)
        if not self.killed and progress.step > 100:
            for worker in workers_below(os.getpid()):
                os.kill(worker, signal.SIGKILL)
                self.killed += 1


def assert_same_bytes(runs: Sequence[PlannedRun], others: Sequence[PlannedRun]) -> None:
    for one, other in zip(runs, others, strict=True):
        ours, theirs = load_result(one.folder), load_result(other.folder)
        assert ours.records == theirs.records
        assert {file.name for file in one.folder.iterdir()} == {file.name for file in other.folder.iterdir()}
        for name in ("model.safetensors", "config.toml"):
            if (one.folder / name).exists() and one.source is None:
                assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes(), one.name


def test_a_recipe_gives_the_local_bytes_and_a_killed_worker_changes_nothing(tmp_path: Path) -> None:
    with chosen_engine(RAY, smoke(tmp_path)) as (engine, at_once):
        planned = smoke(tmp_path / "ray")
        result = execute(planned, at_once=at_once, engine=engine)
        assert result.summary["failed"] == 0
        started: list[Job] = []

        def spy(jobs: Sequence[Job], **rest: Any) -> tuple[list[Outcome], int | None]:
            started.extend(jobs)
            return engine(jobs, **rest)

        assert execute(planned, at_once=at_once, engine=spy).records == result.records
        assert started == [], "what is finished needs no task"
        stages = [{"name": "train", "study": "train", "settings": SETTINGS}]
        recipe = parse_recipe({"claim": "0", "title": "A test", "stage": stages}, where="r")
        killer = Killer()
        killed = plan_sweep("r", recipe, scale=None, folder=tmp_path / "killed", where="r")
        execute(killed, at_once=at_once, engine=engine, watcher=killer)
    here = smoke(tmp_path / "here")
    execute(here, at_once=1, engine=in_this_process)
    assert_same_bytes(planned.runs, here.runs)
    assert killer.killed == 1
    assert killer.steps.count(0) == 1, "the second worker went on, it did not start again"
    assert killer.steps[-1] == SETTINGS["steps"]
    train(TrainConfig.model_validate(SETTINGS), request=RunRequest(out=tmp_path / "alone"))
    cut = killed.runs[0].folder / "model.safetensors"
    assert cut.read_bytes() == (tmp_path / "alone" / "model.safetensors").read_bytes()


def wait_for(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    wait_beside(process, lambda: bool(list(folder.glob(pattern))), pattern)


def test_a_killed_or_stopped_driver_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "recipe.toml").write_text(TOML)
    command = [sys.executable, "-m", "icltool", "sweep", "recipe", "--engine", "ray", "--out", "cut"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "cut", "train/seed-0/resume.safetensors", process)
    process.kill()
    said_by(process)
    # At once, while Ray is still taking down what the first has left.
    process = subprocess.Popen([*command, "--jobs", "1"], stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "cut", "train/seed-0/result.json", process)
    wait_for(tmp_path / "cut", "train/seed-1/metrics.jsonl", process)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = said_by(process)
    assert process.returncode == 143, errors
    assert errors.strip().splitlines()[-1].startswith("error: interrupted with 1 of 2 runs done"), errors
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert "2/2 finished" in done.stderr
    for seed in range(2):
        whole = tmp_path / f"whole-{seed}"
        train(TrainConfig.model_validate({**SETTINGS, "seed": seed}), request=RunRequest(out=whole))
        cut = tmp_path / "cut" / "train" / f"seed-{seed}" / "model.safetensors"
        assert cut.read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"engine": "local", "gpus_per_run": 1.0}, "--gpus-per-run is for Ray"),
        ({"engine": "ray", "address": "somewhere"}, "give HOST:PORT"),
        ({"engine": "ray", "address": "127.0.0.1:1"}, "no Ray cluster answers there"),
    ],
)
def test_what_cannot_be_is_said_at_once(choice: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words), chosen_engine(EngineChoice(**choice), smoke(tmp_path)):
        pass


def test_a_run_that_no_node_has_room_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def nodes() -> list[dict[str, Any]]:
        sizes = [(True, {"CPU": 4.0}), (True, {"CPU": 2.0, "GPU": 1.0}), (False, {"CPU": 64.0, "GPU": 8.0})]
        return [{"Alive": alive, "Resources": resources} for alive, resources in sizes]

    monkeypatch.setattr("ray.nodes", nodes)
    for cpus, gpus in ((4, 0), (2, 1), (0.5, 0.25), (0, 1)):
        require_room(Resources(cpus=cpus, gpus=gpus))
    for cpus, gpus, words in (
        (5, 0, r"asks for 5 CPU, .* \(at most 4 CPU,"),
        (1, 2, r"asks for 1 CPU, 2 GPU, .* \(at most 4 CPU, 1 GPU,"),
        (4, 1, r"asks for 4 CPU, 1 GPU, .* perhaps not on the same one"),
    ):
        with pytest.raises(UsageError, match=words):
            require_room(Resources(cpus=cpus, gpus=gpus))
