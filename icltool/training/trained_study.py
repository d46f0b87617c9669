"""A study that trains, as one run: open the folder, train from where it stopped, measure, write the result.

`icltool.core.run_folder.measured_once` is the same for work that is short enough to be done again.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from icltool.core.config import Config
from icltool.core.progress import OnStep
from icltool.core.result import Result
from icltool.core.run_folder import Measured, RunFolder, RunRequest, open_run
from icltool.core.study import Study
from icltool.training.learner import Learner
from icltool.training.loop import run_training
from icltool.training.training_config import Pace


class Training(Protocol):
    """What a study hands over: its learner, its measurements, its files."""

    @property
    def learner(self) -> Learner:
        """What is trained."""
        ...

    def evaluate(self, step: int, /) -> Mapping[str, float]:
        """The held-out measurements at a step, for the learning curve."""
        ...

    def save_model(self, path: Path, /, *, step: int, metrics: Mapping[str, float]) -> None:
        """Write the model for later commands, with the last measurements; nothing where the model is not a result."""
        ...

    def measure(self, folder: RunFolder, /) -> Measured:
        """The final measurements, after the last step; also writes the files that are the study's own."""
        ...


# Makes the training, and ends what runs beside it (a thread that draws data) when it is left.
Begin = Callable[[], AbstractContextManager[Training]]


def trained_study(
    study: Study,
    config: Config,
    *,
    slug: str,
    request: RunRequest | None,
    inputs: Mapping[str, str] | None = None,
    pace: Pace,
    begin: Begin,
    on_step: OnStep,
) -> Result:
    """Train, or go on training, and measure; a finished run of the same settings and inputs is returned at once.

    The summary is the study's, then `steps`, `steps_per_second` (without compilation and warm-up) and `seconds` (all of
    it, resumed parts too). Raises what `open_run`, `begin` and `run_training` raise.
    """
    with open_run(study, config, slug=slug, request=request or RunRequest(), inputs=inputs) as folder:
        if folder.finished:
            return folder.result()
        with begin() as training:
            timing = run_training(
                training.learner,
                pace=pace,
                run=folder,
                evaluate=training.evaluate,
                save_model=lambda step, metrics: training.save_model(folder.model, step=step, metrics=metrics),
                on_step=on_step,
            )
            measured = training.measure(folder)
        took = {
            "steps": timing.steps,
            "steps_per_second": round(timing.steps_per_second, 2),
            "seconds": round(timing.seconds, 1),
        }
        return folder.finish(replace(measured, summary={**measured.summary, **took}))
