"""The local engine: each run in a worker process of its own, a few at a time, failures kept apart.

A fresh process a run, because allocator and thread settings are process-wide and a run that dies (out of memory, say)
must take nothing with it. Where the system can, they are forked from a server that has imported what all need and
nothing else has happened in: a run then starts in a tenth of the seconds that importing takes.
"""

import multiprocessing
import multiprocessing.context
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from multiprocessing import forkserver, resource_tracker
from typing import Any

from pebble import CONSTS, ProcessExpired, ProcessFuture, ProcessPool

from icltool.core.interrupts import deferred_interrupts, held_signals
from icltool.sweep.engines.worker import (
    INTERRUPTED_EXIT,
    NOT_BEGUN,
    Job,
    OnOutcome,
    OnReport,
    Outcome,
    do_job_reporting,
    open_channel,
)

POLL_SECONDS = 0.2
# How long a run told to stop may take to save its state before it is killed.
SAVING_SECONDS = 120.0
# Imported once, in the server, beside what the jobs' studies run: a module more costs nothing but its memory.
PRELOADED = (
    "icltool.sweep.engines.server_hook",
    "icltool.sweep.engines.worker",
    # PyTorch imports its compiler with the first optimiser, compiling or not: some two seconds.
    "torch._dynamo",
    "torch._inductor",
)
STOPPED = "stopped; its state is saved"


def run_jobs(
    jobs: Sequence[Job], *, at_once: int, on_report: OnReport, on_outcome: OnOutcome
) -> tuple[list[Outcome], int | None]:
    """Run the jobs, `at_once` at a time; returns an outcome each, and the signal that interrupted them, if any."""
    CONSTS.term_timeout = SAVING_SECONDS
    context = _context({f"{job.study.package}.run" for job in jobs})
    channel: Any = context.Queue()
    outcomes: dict[str, Outcome] = {}
    begun: set[str] = set()

    def settle(future: ProcessFuture[Outcome], job: Job) -> None:
        outcomes[job.name] = _outcome(future, job, begun=job.name in begun)
        on_outcome(outcomes[job.name])

    with (
        deferred_interrupts() as interrupts,
        ProcessPool(
            max_workers=at_once, max_tasks=1, initializer=open_channel, initargs=(channel,), context=context
        ) as pool,
    ):
        futures = {pool.schedule(do_job_reporting, args=(job,)): job for job in jobs}
        while futures:
            wait(futures, POLL_SECONDS, FIRST_COMPLETED)
            _drain(channel, on_report)
            for future, job in list(futures.items()):
                if future.running():
                    begun.add(job.name)
                if future.done():
                    settle(future, job)
                    del futures[future]
                elif interrupts.signal_number is not None:
                    # A running job gets a SIGTERM and saves; one that waits is dropped.
                    future.cancel()
        _drain(channel, on_report)
    return [outcomes[job.name] for job in jobs], interrupts.signal_number


def _context(modules: Collection[str]) -> multiprocessing.context.BaseContext:
    """Where workers come from: a server that has imported these modules, where the system can fork one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, *sorted(modules)])
    # A Ctrl-C goes to the whole group. The server would die of one while it imports, and of a SIGTERM at any time; then
    # no run could start, and how those at work end could not be known. Python's tracker lets signals in as it starts.
    resource_tracker.ensure_running()
    with held_signals():
        forkserver.ensure_running()
    return context


def _outcome(future: ProcessFuture[Outcome], job: Job, *, begun: bool) -> Outcome:
    try:
        return future.result()
    except CancelledError:
        return Outcome(name=job.name, status="interrupted", error=STOPPED if begun else NOT_BEGUN)
    except ProcessExpired as error:
        if error.exitcode == INTERRUPTED_EXIT:
            return Outcome(name=job.name, status="interrupted", error=STOPPED)
        return Outcome(
            name=job.name, status="failed", error=f"its process died (exit code {error.exitcode}; out of memory?)"
        )
    except Exception as error:  # noqa: BLE001 - what crosses from a worker can be anything; the others go on
        return Outcome(name=job.name, status="failed", error=f"internal error: {type(error).__name__}: {error}")


def _drain(channel: Any, on_report: OnReport) -> None:  # noqa: ANN401 - a multiprocessing queue
    while not channel.empty():
        name, record = channel.get()
        on_report(name, record)
