"""A run of a sweep that has not the memory, or is killed for it: the others go on, and so does the next sweep."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from icltool.core.progress import StepProgress
from icltool.sweep.collect import RUN
from icltool.sweep.execute import SilentWatcher, SweepFailedError, execute
from icltool.sweep.plan import SweepPlan, plan_sweep
from icltool.sweep.recipe import parse_recipe
from tests.conftest import Counts

SETTINGS: dict[str, Any] = {
    "L": 1, "b": 1, "width": 8, "heads": 2, "d": 2, "n": 6, "eval_prompts": 16, "batch_points": 0, "curriculum": "none",
    "steps": 200, "log_every": 5, "save_every": 5, "threads": 1,
}  # fmt: skip


def plan(folder: Path, **axes: Any) -> SweepPlan:
    stage = {"name": "train", "study": "train", "settings": SETTINGS, "zip": axes}
    recipe = parse_recipe({"claim": "0", "title": "A test", "stage": [stage]}, where="r")
    return plan_sweep("r", recipe, scale=None, folder=folder, where="r")


def test_a_run_too_large_for_the_machine_fails_alone(tmp_path: Path, counts: Counts) -> None:
    # The last asks for 164 TB of prompts; a process can address 141.
    sizes = {"batch": [4, 8, 10**6], "d": [2, 2, 4096], "n": [6, 6, 10_000], "eval_prompts": [16, 16, 2]}
    with pytest.raises(SweepFailedError, match="out of memory; run fewer jobs at once or a smaller batch") as error:
        execute(plan(tmp_path / "sweep", **sizes), at_once=2)
    rows = error.value.result.select(table=RUN)
    assert [row["status"] for row in rows] == ["finished", "finished", "failed"]
    counts.add("runs out of memory, the others finished")


class KillerForMemory(SilentWatcher):
    """What the kernel does when memory runs out: SIGKILL to the worker that reports first."""

    def __init__(self) -> None:
        self.killed: list[str] = []

    def report(self, name: str, progress: StepProgress) -> None:
        if not self.killed and progress.step > 5:
            self.killed.append(name)
            for process in Path("/proc").glob("[0-9]*"):
                if self._works_on(process, name):
                    os.kill(int(process.name), signal.SIGKILL)

    def _works_on(self, process: Path, name: str) -> bool:
        """Whether the process has the lock of the run's folder open."""
        try:
            files = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
        except OSError:
            return False
        return any(file.endswith(f"{name}/.lock") for file in files) and int(process.name) != os.getpid()


def test_a_worker_killed_for_its_memory_fails_alone_and_goes_on_next_time(tmp_path: Path, counts: Counts) -> None:
    killer = KillerForMemory()
    planned = plan(tmp_path / "sweep", seed=[0, 1])
    with pytest.raises(SweepFailedError, match=r"its process died \(exit code -9; out of memory\?\)") as error:
        execute(planned, at_once=1, watcher=killer)
    rows = error.value.result.select(table=RUN)
    assert [row["status"] for row in rows] == ["failed", "finished"]
    again = execute(planned, at_once=1)
    assert again.summary["failed"] == 0
    alone = plan(tmp_path / "alone", seed=[0])
    execute(alone, at_once=1)
    files = [run.folder / "model.safetensors" for run in (planned.runs[0], alone.runs[0])]
    assert files[0].read_bytes() == files[1].read_bytes()
    counts.add("workers killed for their memory, gone on to equal bytes")
