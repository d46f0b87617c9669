"""Which engine a sweep runs on: processes of this machine, or Ray."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from icltool.core.errors import UsageError
from icltool.core.processes import available_threads
from icltool.sweep.engines.local import run_jobs
from icltool.sweep.engines.worker import Engine
from icltool.sweep.plan import SweepPlan


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """The engine, how many runs at once (unset: as many as there is room for), and what Ray sets aside for each."""

    engine: Literal["local", "ray"] = "local"
    jobs: int | None = None
    cpus_per_run: float | None = None
    gpus_per_run: float | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        given = {"cpus-per-run": self.cpus_per_run, "gpus-per-run": self.gpus_per_run, "address": self.address}
        of_ray = [f"--{name}" for name, value in given.items() if value is not None]
        if self.engine == "local" and of_ray:
            raise UsageError(f"{of_ray[0]} is for Ray; add --engine ray, or leave it out")


@contextmanager
def chosen_engine(choice: EngineChoice, plan: SweepPlan) -> Generator[tuple[Engine, int]]:
    """The engine, for as long as the sweep runs, and how many of the plan's runs it may have at once."""
    threads = _threads(plan)
    if choice.engine == "local":
        yield run_jobs, choice.jobs or max(1, available_threads() // threads)
        return
    try:
        from icltool.sweep.engines.ray_cluster import Resources, ray_engine  # noqa: PLC0415 - an extra that few need
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--engine ray needs {error.name}, which is not installed; "
            "in the checkout: pip install -c .ci/constraints.txt -e '.[ray]'"
        ) from None
    cpus = threads if choice.cpus_per_run is None else choice.cpus_per_run
    with ray_engine(Resources(cpus=cpus, gpus=choice.gpus_per_run or 0), address=choice.address) as engine:
        yield engine, choice.jobs or max(1, len(plan.runs))


def _threads(plan: SweepPlan) -> int:
    """The most that a run of the plan asks for."""
    wanted = [run.config.model_dump().get("threads") for run in plan.runs]
    return max((threads for threads in wanted if isinstance(threads, int)), default=1)
