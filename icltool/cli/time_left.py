"""How long a sweep still takes: the work that is left (in operations, where they are known) at the pace so far."""

import time
from collections.abc import Callable, Sequence
from statistics import median

from icltool.core.progress import StepProgress
from icltool.sweep.engines.worker import Outcome
from icltool.sweep.plan import PlannedRun

# Until this fraction of the work is done in this process, the pace is a guess.
LEAST = 0.005
# Operations that a step counts for beside its own: it takes half a millisecond of Python.
STEP = 1e7


class TimeLeft:
    """The time left, by the parts of runs done in this process; runs that were finished before do not count."""

    def __init__(self, runs: Sequence[PlannedRun], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._work = _work(runs)
        self._parts: dict[str, float] = {}
        self._starts: dict[str, float] = {}
        self.runs = len(runs)
        self.ended_runs = 0

    def report(self, name: str, progress: StepProgress) -> None:
        """A run has reached a step."""
        part = progress.step / max(1, progress.steps)
        self._starts.setdefault(name, part)
        self._parts[name] = part

    def ended(self, outcome: Outcome) -> None:
        """A run has ended; one that never reported was done before, or failed at once."""
        self.ended_runs += 1
        if outcome.name in self._parts:
            self._parts[outcome.name] = 1.0
        else:
            self._work.pop(outcome.name, None)

    def seconds(self) -> float | None:
        """Seconds left; None when nothing is left, and while too little is done to tell."""
        worked = sum((part - self._starts[name]) * self._work.get(name, 0) for name, part in self._parts.items())
        remaining = sum((1 - self._parts.get(name, 0)) * work for name, work in self._work.items())
        if remaining <= 0 or worked < LEAST * (worked + remaining):
            return None
        return (self._clock() - self._began) / worked * remaining

    def words(self) -> str:
        """`about 12 min left`; empty while `seconds` is None."""
        seconds = self.seconds()
        if seconds is None:
            return ""
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {max(1.0, seconds):.0f} s left"


def _work(runs: Sequence[PlannedRun]) -> dict[str, float]:
    """Operations of each run without a result; one whose study has no cost model counts as the median of the others."""
    known = {run.name: _operations(run) for run in runs if not run.has_result}
    counted = [operations for operations in known.values() if operations]
    usual = median(counted) if counted else 1.0
    return {name: operations or usual for name, operations in known.items()}


def _operations(run: PlannedRun) -> float | None:
    flops = run.cost.flops
    steps = run.config.model_dump().get("steps")
    return flops + STEP * (steps or 1) if flops else None
