"""`trained_study` with a study of a few lines: what it asks of a training, in which order, and what it leaves."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from icltool.core.config import setting
from icltool.core.errors import InputError, RunFolderError, UsageError
from icltool.core.metrics_log import read_rows
from icltool.core.processes import Processes
from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.result import Result
from icltool.core.run_folder import Measured, RunFolder
from icltool.core.study import RunRequest, Study
from icltool.regression.studies.train import run as train_run
from icltool.regression.studies.train.config import TrainConfig
from icltool.training.learner import LearnerState, Number
from icltool.training.shared_training import Share
from icltool.training.trained_study import trained_study
from icltool.training.training_config import RecordingConfig

DOUBLING = Study(name="doubling", package="doubling", config_class="DoublingConfig", summary="Double a number.")


class DoublingConfig(RecordingConfig):
    """Double a number at each step."""

    steps: int = setting(8, "Steps.", ge=1)


class Doubling:
    """The learner, the measurements and the files: 1, 2, 4, ..."""

    def __init__(self, heard: list[str]) -> None:
        self.heard = heard
        self.number = torch.ones(())

    @property
    def learner(self) -> "Doubling":
        return self

    def advance(self, step: int) -> Mapping[str, Tensor]:
        self.number = self.number * 2
        return {"loss": 1 / self.number}

    def conditions(self) -> Mapping[str, Number]:
        return {"prompts": None}

    def state(self) -> LearnerState:
        return LearnerState(tensors={"number": self.number.clone()}, values={})

    def restore(self, state: LearnerState) -> None:
        self.number = state.tensors["number"]

    def evaluate(self, step: int) -> Mapping[str, float]:
        self.heard.append(f"evaluate {step}")
        return {"held_out": float(self.number)}

    def save_model(self, path: Path, *, step: int, metrics: Mapping[str, float]) -> None:
        self.heard.append(f"save {step} {dict(metrics)}")
        path.write_text(str(float(self.number)))

    def measure(self, folder: RunFolder) -> Measured:
        self.heard.append("measure")
        (folder.path / "own.txt").touch()
        return Measured(
            label="doubling", summary={"number": float(self.number)}, records=[], environment={}, settings={"base": 2}
        )


def double(heard: list[str], *, on_step: OnStep = ignore_step, fails: bool = False, resume: bool = False) -> Result:
    """The study in the folder `run`."""

    @contextmanager
    def begin() -> Generator[Doubling]:
        if fails:
            raise InputError("there is no number")
        heard.append("begin")
        try:
            yield Doubling(heard)
        finally:
            heard.append("end")

    config = DoublingConfig(log_every=2, eval_every=4, save_every=4)
    request = RunRequest(out=Path("run"), resume=resume)
    return trained_study(
        DOUBLING, config, slug="doubling", request=request, pace=config.pace(config.steps), begin=begin, on_step=on_step
    )


def test_a_training_from_begin_to_end() -> None:
    heard: list[str] = []
    result = double(heard)
    assert heard == [
        "begin",
        "evaluate 4", "save 4 {'held_out': 16.0}",
        "evaluate 8", "save 8 {'held_out': 256.0}",
        "measure", "end",
    ]  # fmt: skip
    assert list(result.summary) == ["number", "steps", "steps_per_second", "seconds"]
    assert (result.summary["number"], result.summary["steps"]) == (256.0, 8)
    assert (result.kind, result.label, result.config["base"]) == ("doubling", "doubling", 2)
    assert [row["step"] for row in read_rows(Path("run") / "metrics.jsonl")] == [2, 4, 6, 8]
    assert {path.name for path in Path("run").iterdir()} - {".lock"} == {
        "config.toml", "metrics.jsonl", "model.safetensors", "own.txt", "result.json",
    }  # fmt: skip


def test_a_finished_run_begins_nothing() -> None:
    first = double([])
    heard: list[str] = []
    assert double(heard).summary == first.summary
    assert heard == []


def test_a_resumed_run_goes_on_from_its_state_and_is_left_in_order() -> None:
    def stop(progress: StepProgress) -> None:
        if progress.step == 6:
            raise KeyboardInterrupt

    heard: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        double(heard, on_step=stop)
    assert heard[-1] == "end"
    with pytest.raises(RunFolderError, match="unfinished run"):
        double([])
    steps: list[StepProgress] = []
    assert double([], on_step=steps.append, resume=True).summary["number"] == 256.0
    assert steps[0].start == 4
    assert not (Path("run") / "resume.safetensors").exists()


def test_what_cannot_begin_leaves_no_unfinished_run() -> None:
    for _ in range(2):
        with pytest.raises(InputError, match="there is no number"):
            double([], fails=True)
    assert double([]).summary["number"] == 256.0


def test_more_processes_than_prompts_are_refused_before_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nine(device: torch.device) -> Generator[Share]:
        yield Share(Processes(rank=0, count=9), device=device)

    monkeypatch.setattr(train_run, "shared", nine)
    config = TrainConfig(L=1, b=1, width=8, heads=2, d=2, n=4, steps=3, batch=8, threads=1)
    with pytest.raises(UsageError, match="--batch 8 cannot be shared by 9 processes"):
        train_run.run(config, request=RunRequest(out=Path("shared")))
    assert not (Path("shared") / "config.toml").exists()
