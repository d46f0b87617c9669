"""--track: what a tracker has afterwards is what metrics.jsonl has; a missing or unknown one is one line."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from icltool.core import tracking
from icltool.core.errors import InterruptedRun, UsageError
from icltool.core.metrics_log import read_rows
from icltool.core.progress import StepProgress
from icltool.core.study import RunRequest
from icltool.core.tracking import tracked
from icltool.regression.studies.train import TRAIN
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run
from icltool.sweep.engines.worker import Job, do_job
from tests.interruptions import stop_at
from tests.waiting import wait_until

SETTINGS: dict[str, Any] = {
    "L": 1, "b": 2, "width": 8, "heads": 2, "d": 2, "n": 4, "steps": 20, "warmup": 2, "batch": 4, "batch_points": 0,
    "curriculum": "none", "eval_prompts": 8, "eval_every": 10, "log_every": 5,
    "save_every": 5, "threads": 1,
}  # fmt: skip


def scalars(run_folder: Path) -> dict[int, float]:
    """The losses that TensorBoard reads, by step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    accumulator = EventAccumulator(str(run_folder / "tensorboard"))
    accumulator.Reload()
    return {event.step: event.value for event in accumulator.Scalars("loss")}


def test_tensorboard_has_every_logged_step_once_also_after_an_interruption() -> None:
    config = TrainConfig.model_validate(SETTINGS)
    request = RunRequest(out=Path("run"), resume=True)
    with pytest.raises(InterruptedRun), tracked("tensorboard", config, on_step=stop_at(10)) as followed:
        run(config, request=request, on_step=followed)
    with tracked("tensorboard", config, on_step=stop_at(-1)) as followed:
        run(config, request=request, on_step=followed)
    rows = read_rows(Path("run") / "metrics.jsonl")
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    assert scalars(Path("run")) == pytest.approx({int(row["step"] or 0): row["loss"] for row in rows})


def test_wandb_keeps_a_run_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    job = Job(name="job", study=TRAIN, settings=SETTINGS, folder=Path("run"), track="wandb")
    outcome = do_job(job)
    assert outcome.status == "finished", outcome.error
    [file] = Path("run").glob("wandb/offline-run-*/run-*.wandb")

    def written() -> bool:
        """Of the measures and the settings; the service writes a moment longer than the run takes."""
        return all(name in file.read_bytes() for name in (b"held_out_error", b"running_error", b"dims_start"))

    wait_until(written, "what the run has logged", seconds=20)


def test_a_run_without_values_starts_no_tracker() -> None:
    config = TrainConfig.model_validate(SETTINGS)
    with tracked("wandb", config, on_step=stop_at(-1)) as followed:
        followed(StepProgress(step=1, steps=2, run=Path("run")))
    assert not Path("run").exists()


def test_a_tracker_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean wandb"):
        tracking.tracker_named("wand")

    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr(tracking.importlib.util, "find_spec", nothing)
    with pytest.raises(UsageError, match=r"pip install -c .ci/constraints.txt -e '.\[track\]'"):
        tracking.tracker_named("tensorboard")
