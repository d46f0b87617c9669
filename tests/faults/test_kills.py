"""kill -9 at random moments: what was being done can always be gone on with, and ends in the same bytes."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from icltool.core.metrics_log import read_rows
from icltool.core.toml_files import to_toml
from icltool.sweep.execute import execute
from icltool.sweep.plan import SweepPlan, plan_sweep
from icltool.sweep.recipe import parse_recipe
from tests.conftest import Counts
from tests.faults.victims import STUDIES, Victim, finished, job, left_in, whole_and_duration
from tests.waiting import PATIENCE, said_by, wait_beside, wait_until

FEW = 3
MANY = 20
# A kill may come after the end; so many times as many are tried.
TRIES = 10
STORMY_STEPS = 1500


@pytest.mark.parametrize("kills", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
@pytest.mark.parametrize("study", STUDIES)
def test_a_killed_run_goes_on(study: str, kills: int, tmp_path: Path, counts: Counts) -> None:
    chance = random.Random(f"{study} {kills}")
    whole, duration = whole_and_duration(study, tmp_path)
    work = job(study, tmp_path / "cut")
    landed = 0
    for _ in range(TRIES * kills):
        victim = Victim.start(work)
        victim.process.join(chance.uniform(0.0, duration))
        if victim.kill():
            landed += 1
        else:
            # It came to its end, perhaps after some kills: that is looked at too, and the next begins afresh.
            assert left_in(work.folder) == whole
            shutil.rmtree(work.folder)
        if landed == kills:
            break
    assert landed == kills, "too few kills came before the end of the run"
    assert finished(work) == whole
    counts.add(f"kill -9 of {study}, gone on to equal bytes", landed)


SETTINGS: dict[str, Any] = {
    "L": 1, "b": 2, "width": 8, "heads": 2, "d": 2, "n": 6, "batch": 4, "eval_prompts": 16, "steps": 150,
    "log_every": 5, "eval_every": 100, "save_every": 5, "threads": 1,
}  # fmt: skip


def plan(folder: Path) -> SweepPlan:
    train = {"name": "train", "study": "train", "settings": SETTINGS, "grid": {"seed": [0, 1]}}
    measured = {"loops": 3, "eval_prompts": 16, "threads": 1}
    measure = {"name": "measure", "study": "eval", "checkpoints": "train", "settings": measured}
    recipe = parse_recipe({"claim": "0", "title": "A test", "stage": [train, measure]}, where="r")
    return plan_sweep("r", recipe, scale=None, folder=folder, where="r")


@pytest.mark.parametrize("kills", [2, pytest.param(MANY, marks=pytest.mark.long)])
def test_a_killed_sweep_goes_on_at_once(kills: int, tmp_path: Path, counts: Counts) -> None:
    """Its workers are alive when the next begins: they save and leave the folders to it."""
    chance = random.Random(f"sweep {kills}")
    spawn = multiprocessing.get_context("spawn")
    whole = plan(tmp_path / "whole")
    began = time.monotonic()
    execute(whole, at_once=2)
    duration = time.monotonic() - began
    cut = plan(tmp_path / "cut")
    landed = 0
    for _ in range(TRIES * kills):
        process = spawn.Process(target=execute, args=(cut,), kwargs={"at_once": 2})
        process.start()
        # A sweep's own process needs a moment to import what it needs; being killed there shows nothing.
        wait_until((cut.folder / ".lock").exists, "the sweep's lock")
        process.join(chance.uniform(0.0, duration))
        process.kill()
        process.join(PATIENCE)
        if process.exitcode == -signal.SIGKILL:
            landed += 1
        else:
            assert process.exitcode == 0
            shutil.rmtree(cut.folder)
        if landed == kills:
            break
    assert landed == kills, "too few kills came before the end of the sweep"
    execute(cut, at_once=2)
    for one, other in zip(cut.runs, whole.runs, strict=True):
        ours, theirs = left_in(one.folder), left_in(other.folder)
        assert ours == theirs, one.name
    counts.add("kill -9 of sweeps, gone on to equal bytes", landed)


def storm(
    process: subprocess.Popen[str],
    send: Callable[[int, int], None],
    numbers: Sequence[int],
    chance: random.Random,
    *,
    pause: float,
    ending: str = "",
) -> tuple[int, str]:
    """Signals until the process has ended, as after one of them; how many, and what stood on its stdout."""
    sent = 0
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < deadline, f"{sent} signals did not end it"
        send(process.pid, chance.choice(numbers))
        sent += 1
        time.sleep(chance.uniform(0.0, pause))
    out, errors = said_by(process)
    assert process.returncode in {130, 143}, (process.returncode, errors)
    assert errors.strip().splitlines()[-1].startswith(f"error: interrupted {ending}"), errors
    assert "Traceback" not in errors, errors
    return sent, out


def changed_since(moment: float, pattern: str) -> bool:
    """Whether a file of the sweep has been written since."""
    return any(file.stat().st_mtime > moment for file in Path("cut").glob(pattern))


@pytest.mark.parametrize("storms", [2, pytest.param(10, marks=pytest.mark.long)])
def test_a_storm_over_a_whole_sweep_is_one_interruption(storms: int, tmp_path: Path, counts: Counts) -> None:
    """Signals to the sweep, its workers and their server alike, while they start and while they train."""
    chance = random.Random(f"sweep storm {storms}")
    toml = {
        "claim": "0",
        "title": "A test",
        "stage": [s.model_dump(exclude_none=True) for s in plan(tmp_path).recipe.stage],
    }
    Path("recipe.toml").write_bytes(to_toml(toml))
    command = [sys.executable, "-m", "icltool", "sweep", "recipe.toml", "--jobs", "2", "--out", "cut"]
    sent = 0
    for turn in range(storms):
        awaited = [".lock", "train/*/resume.safetensors"][turn % 2]
        if awaited == ".lock":
            shutil.rmtree("cut", ignore_errors=True)
        began = time.time()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        # What an earlier turn's workers saved is not a sign that this one is at work.
        wait_beside(process, lambda a=awaited, b=began: changed_since(b, a), f"{awaited} of turn {turn}")
        time.sleep(chance.uniform(0.0, 0.5) if awaited == ".lock" else 0.0)
        numbers = [[signal.SIGINT], [signal.SIGINT, signal.SIGTERM]][turn // 2 % 2]
        more, out = storm(process, os.killpg, numbers, chance, pause=0.01)
        sent += more
        assert out == ""
    cut, whole = plan(tmp_path / "cut"), plan(tmp_path / "whole")
    for planned in (cut, whole):
        execute(planned, at_once=2)
    assert [left_in(run.folder) for run in cut.runs] == [left_in(run.folder) for run in whole.runs]
    counts.add("signals in storms", sent)
    counts.add("sweeps interrupted by a storm of signals, gone on to equal bytes", storms)


@pytest.mark.parametrize("storms", [2, pytest.param(20, marks=pytest.mark.long)])
def test_a_storm_of_signals_is_one_interruption(storms: int, tmp_path: Path, counts: Counts) -> None:
    chance = random.Random(f"storm {storms}")
    whole = finished(job("train", tmp_path / "whole", steps=STORMY_STEPS, save_every=STORMY_STEPS))
    work = job("train", tmp_path / "cut", steps=STORMY_STEPS, save_every=STORMY_STEPS)
    words = [word for name, value in work.settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, "-m", "icltool", "train", *words, "--out", "cut", "--resume"]
    sent = interrupted = 0
    for _ in range(storms):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        rows = len(read_rows(Path("cut/metrics.jsonl")))
        wait_beside(process, lambda r=rows: len(read_rows(Path("cut/metrics.jsonl"))) > r, "the next logged step")
        more, _ = storm(process, os.kill, [signal.SIGINT, signal.SIGTERM], chance, pause=0.003, ending="at step ")
        sent += more
        interrupted += 1
    assert finished(work) == whole
    counts.add("signals in storms", sent)
    counts.add("runs interrupted by a storm of signals, gone on to equal bytes", interrupted)
