"""How long runs take: by their operations and a machine's rate; of a recipe, as recorded or in proportion to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from icltool.studies import study_named
from icltool.sweep.plan import SweepPlan, plan_sweep
from icltool.sweep.recipe import SCALES, Recipe, Scale

if TYPE_CHECKING:
    # It reads results, which loads PyTorch; a dry run does without.
    from icltool.sweep.record import Reference

HOUR = 3600.0
# Of the machine with cores that the rates below are measured on.
CORES = 2
# A smoke scale is all start-up, so nothing follows from its time.
_BASES: tuple[Scale, ...] = ("cpu", "paper")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Devices that take a run each, and the floating-point operations a second that training reaches on one."""

    name: str
    devices: int
    rate: float
    measured: bool = False


# Two cores of an Intel Xeon with torch 2.13, a run on each, at the original sizes: 5.2e10 a core at D = 64
# (depth-vs-loops, L = 8), 6.7e10 at D = 128 (probing, b = 100), 1.0e11 at D = 256 (paper, b = 20). A GPU is not
# measured: it is assumed to reach a fifth of the 19.5e12 that an A100's makers state; small models may be far below.
MACHINES = (
    Machine(name=f"{CORES} cores", devices=CORES, rate=6.7e10, measured=True),
    Machine(name="one GPU", devices=1, rate=3.9e12),
    Machine(name="64 GPUs", devices=64, rate=3.9e12),
)


def hours(flops: Sequence[float], machine: Machine) -> float:
    """The time of the runs, each on one device: no shorter than the longest, nor than all shared out evenly."""
    return _shared_out(flops, machine.devices) / machine.rate / HOUR


def core_hours(seconds: Sequence[float]) -> float:
    """The time on two cores of runs that take one core so many seconds each."""
    return _shared_out(seconds, CORES) / HOUR


def _shared_out(work: Sequence[float], devices: int) -> float:
    return max(max(work, default=0.0), sum(work) / devices)


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Runs of a scale, and the time of one core that they take: `seconds`, or words of the recipe's own in `text`.

    `how` is "measured" where a record says so, "scaled" where a record of another scale and the ratio of floating-point
    operations do, "stated" by the recipe, else "unknown".
    """

    runs: int
    how: Literal["measured", "scaled", "stated", "unknown"]
    seconds: float | None = None
    text: str = ""


def durations(name: str, recipe: Recipe, *, reference: "Reference | None", where: str) -> dict[Scale, Duration]:
    """The duration of every scale; raises `UsageError` when a run of the recipe is not valid."""
    plans: dict[Scale, SweepPlan] = {
        scale: plan_sweep(name, recipe, scale=scale, folder=Path(name), where=where) for scale in SCALES
    }
    measured = _measured(reference)
    return {scale: _duration(scale, recipe, plans, measured) for scale in SCALES}


def spoken(seconds: float) -> str:
    """`40 s`, `36 min`, `5.2 h`, `12 days`."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else "1 s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _duration(
    scale: Scale, recipe: Recipe, plans: Mapping[Scale, SweepPlan], measured: Mapping[Scale, float]
) -> Duration:
    runs = len(plans[scale].runs)
    if scale in measured:
        return Duration(runs=runs, how="measured", seconds=measured[scale])
    if scale in recipe.estimate:
        return Duration(runs=runs, how="stated", text=recipe.estimate[scale])
    base: Scale | None = next((entry for entry in _BASES if entry in measured), None)
    if base is None or scale == "smoke":
        return Duration(runs=runs, how="unknown")
    here, there = _operations(plans[scale]), _operations(plans[base])
    if not here or not there:
        return Duration(runs=runs, how="unknown")
    return Duration(runs=runs, how="scaled", seconds=measured[base] * here / there)


def _measured(reference: "Reference | None") -> dict[Scale, float]:
    if reference is None:
        return {}
    found: dict[Scale, float] = {}
    for scale, content in reference.scales.items():
        seconds = content.machine.get("seconds")
        if isinstance(seconds, int | float):
            found[scale] = float(seconds)
    return found


def _operations(plan: SweepPlan) -> float | None:
    """Of the runs whose seconds a sweep sums: those that train. None where one has no model of its cost."""
    total = 0.0
    for run in plan.runs:
        study = study_named(run.study)
        if not study.trains:
            continue
        operations = run.cost.flops
        if operations is None:
            return None
        total += operations
    return total
