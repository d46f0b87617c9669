"""`--track`: the values of every logged step, sent to TensorBoard or Weights & Biases as they come.

TensorBoard's files go to `<run>/tensorboard`. Weights & Biases keeps its own in `<run>/wandb`, sends them where its
settings say (WANDB_MODE=offline: nowhere), and goes on with the same run when the run is resumed.
"""

import importlib.util
import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from icltool.core.errors import OutputError, UsageError
from icltool.core.progress import OnStep, StepProgress

if TYPE_CHECKING:
    from icltool.core.config import Config

TrackerName = Literal["tensorboard", "wandb"]
TRACKERS: tuple[TrackerName, ...] = get_args(TrackerName)
PROJECT = "icltool"
# How long Weights & Biases may take to start its own process, on a busy machine too.
SERVICE_SECONDS = 120.0


class Tracker(Protocol):
    """Where values go."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send what is known at a step."""
        ...

    def close(self) -> None:
        """Send the rest and end."""
        ...


def tracker_named(text: str) -> TrackerName:
    """The tracker of this name; raises `UsageError` when there is none, or it is not installed."""
    from icltool.core.config import suggestion  # noqa: PLC0415 - loads pydantic, which the list of commands does without

    for name in TRACKERS:
        if name == text:
            if importlib.util.find_spec(name) is None:
                raise UsageError(
                    f"--track {name} needs {name}, which is not installed; "
                    "in the checkout: pip install -c .ci/constraints.txt -e '.[track]'"
                )
            return name
    raise UsageError(f"--track: {text!r} is not a tracker{suggestion(text, TRACKERS)}")


@contextmanager
def tracked(name: str | None, config: "Config", *, on_step: OnStep) -> Generator[OnStep]:
    """The callback, followed by the tracker, which starts with the first values of the run; without a name, as it is.

    Raises `UsageError` for an unknown or missing tracker, `OutputError` when Weights & Biases cannot start.
    """
    if name is None:
        yield on_step
        return
    chosen = tracker_named(name)
    tracker: Tracker | None = None

    def follow(progress: StepProgress) -> None:
        nonlocal tracker
        on_step(progress)
        if progress.run is None or not progress.values:
            return
        if tracker is None:
            opened = _TensorBoard if chosen == "tensorboard" else _WandB
            tracker = opened(progress.run, config, start=progress.start)
        finite = {key: float(value) for key, value in progress.values.items() if value is not None and key != "step"}
        tracker.log(progress.step, {key: value for key, value in finite.items() if math.isfinite(value)})

    try:
        yield follow
    finally:
        if tracker is not None:
            tracker.close()


class _TensorBoard:
    def __init__(self, run: Path, _config: "Config", *, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra, and it loads torch

        # Steps after the saved state are taken again by a resumed run; what was written of them no longer counts.
        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=start + 1)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _WandB:
    def __init__(self, run: Path, config: "Config", *, start: int) -> None:
        import wandb  # noqa: PLC0415 - an extra
        from wandb import errors  # noqa: PLC0415 - likewise

        from icltool.core.config import config_hash  # noqa: PLC0415 - loads pydantic

        del start  # the service itself drops steps that it has
        try:
            self._run: Any = wandb.init(
                project=PROJECT,
                name=run.name,
                id=config_hash({"run": str(run.resolve())}),
                resume="allow",
                dir=str(run),
                config=config.model_dump(mode="json"),
                settings=wandb.Settings(silent=True, console="off", x_service_wait=SERVICE_SECONDS),
            )
        except (errors.CommError, errors.UsageError) as error:
            line = " ".join(str(error).split()).rstrip(".")
            raise OutputError(f"--track wandb: {line}; or set WANDB_MODE=offline to keep everything here") from None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()
