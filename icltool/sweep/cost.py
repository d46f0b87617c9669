"""How long runs take on a machine, from their floating-point operations and its rate."""

from collections.abc import Sequence
from dataclasses import dataclass

HOUR = 3600.0
# Of the machine with cores that the rates below are measured on.
CORES = 2


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
