"""One run in a process of its own: what an engine calls, on this machine or another."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from icltool.core.errors import IcltoolError, InterruptedRun, fact_of_the_machine, is_out_of_memory
from icltool.core.interrupts import let_signals_in
from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.study import RunRequest, Study
from icltool.core.tracking import tracked
from icltool.core.whole_process import use_whole_process

# How many seconds a run waits for its folder: a sweep that was killed has left runs that are just saving.
PATIENCE = 60.0
# How a worker ends that was told to stop and has saved its state.
INTERRUPTED_EXIT = 75
# What an outcome says of a run that an interruption came before.
NOT_BEGUN = "not begun"

# Where this worker reports its steps.
_channel: Any = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run as plain values, so that any process can take it."""

    name: str
    study: Study
    settings: dict[str, Any]
    folder: Path
    track: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended: `finished`, `failed` or `interrupted`, and the error's one line."""

    name: str
    status: str
    error: str = ""


Report = tuple[str, StepProgress]
OnReport = Callable[[str, StepProgress], None]
OnOutcome = Callable[[Outcome], None]


class Engine(Protocol):
    """What runs jobs, some at once."""

    def __call__(
        self, jobs: Sequence[Job], *, at_once: int, on_report: OnReport, on_outcome: OnOutcome
    ) -> tuple[list[Outcome], int | None]:
        """Run the jobs, `at_once` at a time; returns an outcome each, and the signal that interrupted them, if any."""
        ...


def do_job(job: Job, *, on_step: OnStep = ignore_step, patience: float = 0.0) -> Outcome:
    """Run, resume or skip (a finished run answers at once); an error becomes part of the outcome.

    `patience` is how many seconds to wait for the run's folder when another process has it.
    """
    study = job.study
    try:
        config = study.config().create(job.settings)
        request = RunRequest(out=job.folder, resume=True, patience=patience)
        with tracked(job.track, config, on_step=on_step) as followed:
            study.run()(config, request=request, on_step=followed)
    except InterruptedRun as error:
        return Outcome(name=job.name, status="interrupted", error=str(error))
    except IcltoolError as error:
        return Outcome(name=job.name, status="failed", error=str(error))
    except OSError as error:
        return Outcome(name=job.name, status="failed", error=fact_of_the_machine(error))
    except Exception as error:  # noqa: BLE001 - one run's bug must not end the others
        if is_out_of_memory(error):
            reason = "out of memory; run fewer jobs at once or a smaller batch"
            return Outcome(name=job.name, status="failed", error=reason)
        return Outcome(name=job.name, status="failed", error=f"internal error: {type(error).__name__}: {error}")
    return Outcome(name=job.name, status="finished")


def open_channel(channel: Any) -> None:  # noqa: ANN401 - a multiprocessing queue; its type has no public name
    """In a fresh worker: where to report steps."""
    global _channel  # noqa: PLW0603 - one per worker process, set once by its initialiser
    _channel = channel
    # The server that it is forked from holds them.
    let_signals_in()
    set_up_process()
    threading.Thread(target=_stop_with_the_sweep, daemon=True).start()


def _stop_with_the_sweep() -> None:
    """A sweep that was killed leaves no run at work: it is told to save and stop."""
    sweep = multiprocessing.parent_process()
    if sweep is not None:
        sweep.join()
        os.kill(os.getpid(), signal.SIGTERM)


def set_up_process() -> None:
    """In a fresh worker, first of all: the process is the run's, and threads that wait for work sleep.

    So runs side by side do not take each other's cores.
    """
    use_whole_process()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def do_job_reporting(job: Job) -> Outcome:
    """`do_job` with its steps sent through the channel; a run told to stop ends its process once it has saved.

    Whoever stops a worker of the pool holds the pipe on which answers go back; to answer there would be to wait for it.
    """
    send: Callable[[Report], None] | None = _channel.put if _channel is not None else None

    def on_step(progress: StepProgress) -> None:
        if send is not None:
            send((job.name, progress))

    outcome = do_job(job, on_step=on_step, patience=PATIENCE)
    if outcome.status == "interrupted":
        os._exit(INTERRUPTED_EXIT)
    return outcome
