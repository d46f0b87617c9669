"""The time a sweep still takes goes by the work of its runs, not by their number."""

from dataclasses import replace
from pathlib import Path

import pytest

from icltool.cli.time_left import TimeLeft
from icltool.core.progress import StepProgress
from icltool.regression.studies.evaluate.config import EvaluateConfig
from icltool.regression.studies.train.config import TrainConfig
from icltool.sweep.engines.worker import Outcome
from icltool.sweep.plan import PlannedRun


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def training(name: str, *, b: int, steps: int = 1000) -> PlannedRun:
    config = TrainConfig(b=b, L=1, steps=steps, curriculum="none")
    return PlannedRun(stage="train", study="train", config=config, varied={}, folder=Path(name))


def finished(name: str) -> Outcome:
    return Outcome(name=f"train/{name}", status="finished")


def test_a_long_run_counts_for_more_than_a_short_one() -> None:
    clock = Clock()
    left = TimeLeft([training("short", b=1, steps=100), training("long", b=1, steps=900)], clock=clock)
    assert left.seconds() is None
    assert left.words() == ""
    clock.now = 10.0
    left.report("train/short", StepProgress(step=100, steps=100))
    left.ended(finished("short"))
    # Its first report was its last step: nothing of it is known to have been done here.
    assert left.seconds() is None
    left.report("train/long", StepProgress(step=0, steps=900))
    left.report("train/long", StepProgress(step=300, steps=900))
    assert left.seconds() == pytest.approx(20.0)
    assert left.words() == "about 20 s left"
    clock.now = 1000.0
    assert left.words() == "about 33 min left"


def test_what_was_done_before_counts_for_nothing() -> None:
    clock = Clock()
    left = TimeLeft([training("done", b=8), training("resumed", b=8), training("new", b=8)], clock=clock)
    left.ended(finished("done"))
    left.report("train/resumed", StepProgress(step=500, steps=1000))
    left.report("train/resumed", StepProgress(step=750, steps=1000))
    clock.now = 5.0
    # A quarter of a run took 5 seconds; a quarter and a whole one are left.
    assert left.seconds() == pytest.approx(25.0)
    left.report("train/resumed", StepProgress(step=1000, steps=1000))
    left.ended(finished("resumed"))
    left.ended(Outcome(name="train/new", status="failed", error="no"))
    assert left.seconds() is None
    assert left.ended_runs == 3


def test_a_run_with_a_result_is_no_work_before_its_turn_comes(tmp_path: Path) -> None:
    runs = [replace(training(name, b=8), folder=tmp_path / name) for name in ("first", "later")]
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "result.json").touch()
    clock = Clock()
    left = TimeLeft(runs, clock=clock)
    left.report("train/first", StepProgress(step=0, steps=1000))
    left.report("train/first", StepProgress(step=500, steps=1000))
    clock.now = 5.0
    assert left.seconds() == pytest.approx(5.0)


def test_a_measurement_counts_by_its_own_work_or_as_the_middle_one() -> None:
    source = training("model", b=1)
    config = EvaluateConfig(checkpoint="model", eval_prompts=64)
    measured = PlannedRun(stage="measure", study="eval", config=config, varied={}, folder=Path("m"), source=source)
    unknown = PlannedRun(stage="measure", study="eval", config=config, varied={}, folder=Path("u"))
    clock = Clock()
    left = TimeLeft([source, measured, unknown], clock=clock)
    for name in ("measure/m", "measure/u"):
        left.report(name, StepProgress(step=0, steps=1))
        left.report(name, StepProgress(step=1, steps=1))
        left.ended(Outcome(name=name, status="finished"))
    clock.now = 1.0
    left.report("train/model", StepProgress(step=0, steps=1000))
    few = left.seconds()
    # The training is left, which is more than the evaluation and the run that counts as the middle of the two.
    assert few is not None
    assert few > 1.0
