"""Runs that are stopped on their way, for the tests of resuming."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from icltool.core.errors import InterruptedRun, RunFolderError
from icltool.core.progress import OnStep, StepProgress
from icltool.core.result import Result
from icltool.core.study import RunRequest


def stop_at(step: int, signal_number: int = signal.SIGINT) -> OnStep:
    """A callback that sends this process a signal at a logged step."""

    def on_step(progress: StepProgress) -> None:
        if progress.step == step:
            os.kill(os.getpid(), signal_number)

    return on_step


def resumed_as_whole(run: Callable[..., Result], config: Any, *, stops: Sequence[int]) -> tuple[Result, Result]:
    """Run the settings in the folder `whole`, and in `cut` with stops at these steps; both end in equal records."""
    whole = run(config, request=RunRequest(out=Path("whole")))
    for step in stops:
        with pytest.raises(InterruptedRun):
            run(config, request=RunRequest(out=Path("cut"), resume=True), on_step=stop_at(step))
    with pytest.raises(RunFolderError, match="--resume"):
        run(config, request=RunRequest(out=Path("cut")))
    resumed = run(config, request=RunRequest(out=Path("cut"), resume=True))
    assert resumed.records == whole.records
    assert not (Path("cut") / "resume.safetensors").exists()
    return whole, resumed
