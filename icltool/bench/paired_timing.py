"""Ours against the plain implementation: separate processes in turn, a ratio for each pair.

Processes, because allocator settings are process-wide; in turn, because machines drift; ratios, because absolute times
on a shared machine mean nothing.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import icltool
from icltool.bench.config import BenchConfig
from icltool.core.errors import IcltoolError
from icltool.core.progress import OnStep, StepProgress

ROOT = Path(icltool.__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class PairedTiming:
    """Seconds a step of both sides, a value a round; with `whole`, the rounds are the parts of one long run."""

    ours: Sequence[float]
    plain: Sequence[float]
    whole: bool = False

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, round by round."""
        return [plain / ours for plain, ours in zip(self.plain, self.ours, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds; of a whole run, the times in all."""
        return sum(self.plain) / sum(self.ours) if self.whole else statistics.median(self.ratios)


def time_in_turns(config: BenchConfig, *, on_step: OnStep) -> PairedTiming:
    """Time both sides in turn, `config.rounds` times; raises `IcltoolError` outside a checkout."""
    require_checkout()
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for done in range(config.rounds):
        on_step(StepProgress(step=2 * done, steps=2 * config.rounds, phase="measuring"))
        # Who goes first changes with the round, so that a drift of the machine favours neither.
        for side in ("ours", "plain") if done % 2 == 0 else ("plain", "ours"):
            times[side].append(time_in_a_process(side, config))
    on_step(StepProgress(step=2 * config.rounds, steps=2 * config.rounds, phase="measured"))
    return PairedTiming(ours=times["ours"], plain=times["plain"])


def require_checkout() -> None:
    """Raise `IcltoolError` where tests/reference is absent, and make it importable where it is not."""
    if not (ROOT / "tests" / "reference").is_dir():
        raise IcltoolError("bench compares with tests/reference, which only a checkout of the repository has; clone it")
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))


def time_in_a_process(side: str, config: BenchConfig) -> float:
    """Seconds a step of one side takes, the median of `config.steps`, in a process of its own."""
    command = [sys.executable, "-m", "icltool.bench.worker", side, config.model_dump_json()]
    search_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": search_path}
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise IcltoolError(f"the {side} side of bench {config.workload} failed: {last}")
    return float(json.loads(done.stdout)["seconds_per_step"])
