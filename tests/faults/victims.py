"""Small runs that save at nearly every step, each in a process forked from one that has imported what they need."""

import json
import multiprocessing
import resource
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from icltool.core.metrics_log import read_rows
from icltool.core.study import RunRequest
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run as train
from icltool.studies import study_named
from icltool.sweep.engines.local import PRELOADED
from icltool.sweep.engines.worker import Job, Outcome, do_job
from icltool.sweep.record import is_timing
from tests.waiting import PATIENCE

STUDIES = ("train", "probe", "double-descent")
_PACE: dict[str, Any] = {"log_every": 2, "eval_every": 40, "save_every": 3, "threads": 1}
_SMALL: dict[str, Any] = {"L": 1, "b": 2, "width": 8, "heads": 2, "d": 2, "n": 6, "batch": 4, "eval_prompts": 16}
_SETTINGS: dict[str, dict[str, Any]] = {
    "train": {**_PACE, **_SMALL, "steps": 45, "stage_min": 10, "stage_steps": 20, "points_start": 3},
    "probe": {**_PACE, "target": "Wols", "steps": 30, "batch": 4, "eval_prompts": 16},
    "double-descent": {**_PACE, "T": 6, "n": 60, "sparsity": 0.95, "steps": 60, "warmup": 4, "test_samples": 50},
}
# The longest of these runs, on a machine with much else to do.
LONGEST = 300.0
_SERVER = multiprocessing.get_context("forkserver")
_STUDIES = ("regression.studies.train", "regression.studies.probe", "superposition.studies.double_descent")
_SERVER.set_forkserver_preload([*PRELOADED, *(f"icltool.{study}.run" for study in _STUDIES)])


def job(study: str, folder: Path, **others: Any) -> Job:
    """The study in a folder; what it measures is trained on the way."""
    settings = {**_SETTINGS[study], **others}
    if study == "probe":
        settings["checkpoint"] = str(_trained(folder.parent / "measured"))
    return Job(name=study, study=study_named(study), settings=settings, folder=folder)


def _trained(folder: Path) -> Path:
    config = TrainConfig.model_validate({**_SMALL, "steps": 2, "threads": 1})
    return train(config, request=RunRequest(out=folder, resume=True)).run


@dataclass
class Victim:
    """A job at work in a process of its own."""

    process: ForkServerProcess
    _answers: Any

    @classmethod
    def start(cls, work: Job, *, file_bytes: int | None = None) -> "Victim":
        """Begin, or go on; with `file_bytes` no file can be written beyond that size."""
        answers, answer = _SERVER.Pipe(duplex=False)
        process = _SERVER.Process(target=_work, args=(work, answer, file_bytes))
        process.start()
        answer.close()
        return cls(process, answers)

    def full_disk_now(self, file_bytes: int) -> None:
        """From now on no file can be written beyond this size."""
        if self.process.pid is not None and self.process.is_alive():
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))

    def kill(self) -> bool:
        """kill -9; whether there was still something to kill."""
        self.process.kill()
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, "it survived its kill"
        return self.process.exitcode == -9

    def outcome(self) -> Outcome:
        """How it ended by itself."""
        self.process.join(LONGEST)
        if self.process.is_alive():
            self.process.kill()
            pytest.fail(f"a run was still at work after {LONGEST:g} s")
        assert self.process.exitcode == 0
        return self._answers.recv()


def _work(work: Job, answer: Connection, file_bytes: int | None) -> None:
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
    answer.send(do_job(work))


def finished(work: Job) -> dict[str, Any]:
    """Let the run come to its end, and what it left."""
    outcome = Victim.start(work).outcome()
    assert outcome.status == "finished", outcome
    return left_in(work.folder)


def whole_and_duration(study: str, folder: Path) -> tuple[dict[str, Any], float]:
    """What an undisturbed run leaves, and the seconds it takes once everything has been loaded."""
    finished(job(study, folder / "first"))
    began = time.monotonic()
    whole = finished(job(study, folder / "whole"))
    return whole, time.monotonic() - began


def left_in(folder: Path) -> dict[str, Any]:
    """Everything that a finished run leaves, but for what measures the machine's speed or names its input's path."""
    content: dict[str, Any] = {file.name: file.read_bytes() for file in folder.iterdir()}
    content.pop("config.toml")
    result = json.loads(content.pop("result.json"))
    content["summary"] = {name: value for name, value in result["summary"].items() if not is_timing(name)}
    content["records"] = result["records"]
    if content.pop("metrics.jsonl", None) is not None:
        rows = read_rows(folder / "metrics.jsonl")
        content["metrics"] = [{name: value for name, value in row.items() if not is_timing(name)} for row in rows]
    return content
