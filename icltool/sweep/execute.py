"""A planned sweep on an engine: finished runs skipped, failures kept apart, one result.

A run begins when its source is done; stages that need nothing of one another run side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from icltool.core.errors import IcltoolError, InterruptedRun, OutputError, RunFolderError
from icltool.core.files import make_folder
from icltool.core.interrupts import deferred_interrupts
from icltool.core.progress import StepProgress
from icltool.core.result import Result
from icltool.studies import study_named
from icltool.sweep.collect import collect
from icltool.sweep.engines.local import run_jobs
from icltool.sweep.engines.worker import Engine, Job, Outcome, do_job
from icltool.sweep.plan import PlannedRun, SweepPlan


class Watcher(Protocol):
    """Who follows a sweep: the command line's progress, or `SilentWatcher`."""

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        """The sweep starts with these runs before it."""
        ...

    def report(self, name: str, progress: StepProgress) -> None:
        """A run has reached a step."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """A run has ended."""
        ...


class SilentWatcher:
    """A watcher that says nothing."""

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        """Say nothing."""

    def report(self, name: str, progress: StepProgress) -> None:
        """Say nothing."""

    def ended(self, outcome: Outcome) -> None:
        """Say nothing."""


class SweepFailedError(IcltoolError):
    """Some runs failed; the others are done and the result holds them."""

    def __init__(self, message: str, *, result: Result, failures: Sequence[Outcome]) -> None:
        super().__init__(message)
        self.result = result
        self.failures = failures


@dataclass
class _Ledger:
    """What became of each run so far."""

    outcomes: dict[Path, Outcome] = field(default_factory=dict[Path, Outcome])

    def failed(self, run: PlannedRun) -> bool:
        """Whether this run ended without a result."""
        return self.outcomes[run.folder].status != "finished"


def execute(
    plan: SweepPlan,
    *,
    at_once: int,
    watcher: Watcher | None = None,
    engine: Engine = run_jobs,
    track: str | None = None,
) -> Result:
    """Run what is not finished yet and collect everything into one result; `track` names each run's tracker.

    Raises `InterruptedRun` after SIGINT or SIGTERM (every run can be resumed by the same call) and `SweepFailedError`,
    after all the others are done, when some runs failed.
    """
    watcher = watcher or SilentWatcher()
    make_folder(plan.folder)
    lock = FileLock(plan.folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise RunFolderError(f"{plan.folder} is in use by another sweep; wait for it or choose another --out") from None
    except OSError as error:
        raise OutputError(f"cannot write in {plan.folder}: {error.strerror}; choose another --out") from None
    try:
        return _execute(plan, at_once=at_once, watcher=watcher, engine=engine, track=track)
    finally:
        lock.release()


def _execute(plan: SweepPlan, *, at_once: int, watcher: Watcher, engine: Engine, track: str | None) -> Result:
    ledger = _Ledger()
    watcher.begin(plan.runs)
    for turn in plan.turns:
        _skip_orphans(turn, ledger, watcher)
        _skip_finished(turn, ledger, watcher)
        todo = [run for run in turn if run.folder not in ledger.outcomes]
        jobs = [_job(run, track=track) for run in todo]
        # Also around the engine, which looks at signals itself: one more, as it returns, must not cut its answer short.
        with deferred_interrupts() as late:
            outcomes, signal_number = engine(jobs, at_once=at_once, on_report=watcher.report, on_outcome=watcher.ended)
            ledger.outcomes.update({run.folder: outcome for run, outcome in zip(todo, outcomes, strict=True)})
            if (first := signal_number or late.signal_number) is not None:
                done = sum(outcome.status == "finished" for outcome in ledger.outcomes.values())
                raise InterruptedRun(
                    f"interrupted with {done} of {len(plan.runs)} runs done; run the same command again to go on",
                    signal_number=first,
                )
    result = collect(plan, ledger.outcomes)
    failures = [outcome for outcome in ledger.outcomes.values() if outcome.status != "finished"]
    if failures:
        raise SweepFailedError(
            f"{len(failures)} of {len(plan.runs)} runs failed, the first: {failures[0].name}: {failures[0].error}",
            result=result,
            failures=failures,
        )
    return result


def _skip_orphans(runs: Sequence[PlannedRun], ledger: _Ledger, watcher: Watcher) -> None:
    """A run whose source failed cannot begin."""
    for run in runs:
        if run.source is not None and ledger.failed(run.source):
            outcome = Outcome(name=run.name, status="failed", error=f"its checkpoint's run {run.source.name} failed")
            ledger.outcomes[run.folder] = outcome
            watcher.ended(outcome)


def _skip_finished(runs: Sequence[PlannedRun], ledger: _Ledger, watcher: Watcher) -> None:
    """A run with a result answers at once, here: starting a process for each would take longer than reading it."""
    for run in runs:
        if run.folder not in ledger.outcomes and run.has_result:
            ledger.outcomes[run.folder] = do_job(_job(run))
            watcher.ended(ledger.outcomes[run.folder])


def _job(run: PlannedRun, *, track: str | None = None) -> Job:
    settings = run.config.model_dump(mode="json")
    return Job(name=run.name, study=study_named(run.study), settings=settings, folder=run.folder, track=track)
