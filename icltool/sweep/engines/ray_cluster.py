"""The Ray engine: each run a Ray task with CPUs and GPUs of its own, on this machine or on a cluster's.

A task has a fresh worker process, as a run of the local engine has, and does the same work in it, so that the results
are the same bytes. The run folders must be on a path that all nodes share. Ray starts a run again whose worker died; it
goes on from the state it saved last.
"""

import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError, TaskCancelledError

from icltool.core.errors import UsageError
from icltool.core.interrupts import deferred_interrupts
from icltool.core.processes import available_threads
from icltool.core.progress import StepProgress
from icltool.sweep.engines.local import POLL_SECONDS, STOPPED
from icltool.sweep.engines.worker import (
    NOT_BEGUN,
    PATIENCE,
    Engine,
    Job,
    OnOutcome,
    OnReport,
    Outcome,
    Report,
    do_job,
    set_up_process,
)

# How often Ray starts a run again whose worker died.
RETRIES = 3
KNOCK_SECONDS = 10.0
# Nothing of size goes through Ray's store; 75 MiB is the least it takes.
STORE_BYTES = 80 * 2**20


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What Ray sets aside for a run."""

    cpus: float
    gpus: float


@contextmanager
def ray_engine(resources: Resources, *, address: str | None) -> Generator[Engine]:
    """The engine, on a Ray of this machine's own or, with an address, on a running cluster; disconnects at the end.

    Raises `UsageError` when no cluster answers at the address, or no node has what a run asks for.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    _connect(address)
    # Ray puts a handler of its own on SIGTERM, which ends a program as if nothing were to be said.
    for number, handler in handlers.items():
        signal.signal(number, handler)
    try:
        require_room(resources)
        # Ray prints what happens to nodes and workers; stdout is for the sweep's result.
        with redirect_stdout(sys.stderr):
            yield partial(_run_jobs, resources=resources, mailbox=_Mailbox.remote())
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    # Ray sends usage statistics to its makers by default. A user who wants that can set the variable.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address is None:
        cpus = available_threads()
        ray.init("local", num_cpus=cpus, object_store_memory=STORE_BYTES, include_dashboard=False, **quiet)
        return
    _knock(address)
    try:
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise UsageError(
            f"--address {address}: no Ray cluster lets this one join there; start one with ray start --head, of the "
            "same version, and give its token (RAY_AUTH_TOKEN) if it asks for one"
        ) from error


def _knock(address: str) -> None:
    """Ray itself would try for some ten minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--address {address}: give HOST:PORT of a Ray cluster's head, or auto")
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"--address {address}: no Ray cluster answers there ({reason}); is its head running?"
        ) from None


def require_room(resources: Resources) -> None:
    """Raise `UsageError` when no living node has what a run asks for: Ray would wait for ever for one."""
    wanted = {name: amount for name, amount in (("CPU", resources.cpus), ("GPU", resources.gpus)) if amount}
    nodes: list[dict[str, Any]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return
    most = ", ".join(f"{max((node.get(name, 0) for node in nodes), default=0):g} {name}" for name in wanted)
    asked = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items())
    raise UsageError(
        f"a run asks for {asked}, and no node has all of it (at most {most}, perhaps not on the same one); "
        "lower --cpus-per-run or --gpus-per-run"
    )


def _run_jobs(
    jobs: Sequence[Job],
    *,
    at_once: int,
    on_report: OnReport,
    on_outcome: OnOutcome,
    resources: Resources,
    mailbox: Any,  # noqa: ANN401 - an actor's handle, which Ray types as the actor itself
) -> tuple[list[Outcome], int | None]:
    """Run the jobs, at most `at_once` at a time, as `local_engine.run_jobs` does."""
    task = _work.options(num_cpus=resources.cpus, num_gpus=resources.gpus)
    waiting = deque(jobs)
    running: dict[Any, Job] = {}
    outcomes: dict[str, Outcome] = {}

    def settle(job: Job, outcome: Outcome) -> None:
        outcomes[job.name] = outcome
        on_outcome(outcome)

    with deferred_interrupts() as interrupts:
        while waiting or running:
            if interrupts.signal_number is not None:
                # A running job is told to save and stop; one that waits is dropped.
                for job in waiting:
                    settle(job, Outcome(name=job.name, status="interrupted", error=NOT_BEGUN))
                waiting.clear()
                for reference in running:
                    ray.cancel(reference)
            while waiting and len(running) < at_once:
                job = waiting.popleft()
                running[task.remote(job, Path.cwd(), mailbox)] = job
            done, _ = ray.wait(list(running), timeout=POLL_SECONDS) if running else ([], [])
            _deliver(mailbox, on_report)
            for reference in done:
                job = running.pop(reference)
                settle(job, _outcome(reference, job))
    return [outcomes[job.name] for job in jobs], interrupts.signal_number


@ray.remote(max_calls=1, max_retries=RETRIES)
def _work(job: Job, folder: Path, mailbox: Any) -> Outcome:  # noqa: ANN401 - an actor's handle
    """In a worker of its own, wherever Ray has put it: the run, from the folder the sweep was started in."""
    set_up_process()
    try:
        os.chdir(folder)
    except OSError as error:
        where = f"on the node {socket.gethostname()} {folder} cannot be entered ({error.strerror})"
        return Outcome(name=job.name, status="failed", error=f"{where}; sweep from a folder that all nodes share")

    def on_step(progress: StepProgress) -> None:
        mailbox.put.remote(job.name, progress)

    return do_job(job, on_step=on_step, patience=PATIENCE)


@ray.remote(num_cpus=0, max_restarts=-1)
class _Mailbox:
    """Where the runs leave their steps for the sweep to fetch."""

    def __init__(self) -> None:
        self._reports: list[Report] = []

    def put(self, name: str, progress: StepProgress) -> None:
        """A run has reached a step."""
        self._reports.append((name, progress))

    def take(self) -> list[Report]:
        """What has come since the last call."""
        reports, self._reports = self._reports, []
        return reports


def _deliver(mailbox: Any, on_report: OnReport) -> None:  # noqa: ANN401 - an actor's handle
    """Progress is for people: when it cannot be had now, the runs go on without."""
    try:
        reports: list[Report] = ray.get(mailbox.take.remote(), timeout=POLL_SECONDS)
    except (GetTimeoutError, RayError):
        return
    for name, progress in reports:
        on_report(name, progress)


def _outcome(reference: Any, job: Job) -> Outcome:  # noqa: ANN401 - an object reference
    try:
        return ray.get(reference)
    except TaskCancelledError:
        return Outcome(name=job.name, status="interrupted", error=STOPPED)
    except RayTaskError as error:
        # Its text is a traceback of the other machine.
        cause = " ".join(str(error.cause).split())
        return Outcome(name=job.name, status="failed", error=f"internal error: {type(error.cause).__name__}: {cause}")
    except RayError as error:
        reason = f"its worker died {RETRIES + 1} times ({type(error).__name__}; out of memory?)"
        return Outcome(name=job.name, status="failed", error=reason)
