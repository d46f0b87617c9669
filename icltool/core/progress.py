"""What a running study reports of its progress."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class StepProgress:
    """A step that was logged: where the run is, and the values known there (empty between logged steps).

    `start` is the step this process began at (not 0 after a resume), which an honest estimate of time left needs. `run`
    is the folder of a run that trains.
    """

    step: int
    steps: int
    phase: str = "training"
    start: int = 0
    run: Path | None = None
    values: Mapping[str, float | int | None] = field(default_factory=dict[str, float | int | None])


OnStep = Callable[[StepProgress], None]


def ignore_step(progress: StepProgress) -> None:
    """A callback that does nothing."""
