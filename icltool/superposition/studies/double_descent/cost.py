"""What a training of the toy ReLU model costs, before it runs, and whether it fits in this machine's memory."""

import os

from icltool.core.config import Config
from icltool.core.errors import UsageError
from icltool.core.study import Cost
from icltool.superposition.data.expected_nonzeros import expected_nonzeros
from icltool.superposition.studies.double_descent.config import DoubleDescentConfig

# One core of an AMD EPYC, torch 2.13, CPU time of the first tens to thousands of steps while others worked on the
# machine; what was measured is in tests/test_costs.py. A non-zero's sums are reads from all over a table.
CORE_RATE = 1.7e10
STEP_SECONDS = 2e-3
NONZERO_SECONDS = 1.2e-7
# Values, features and samples in two orders, and the products of a step, for each non-zero.
_BYTES_PER_NONZERO = 128
# A sample's and a feature's rows (h, 1) and (w, b) in float32, their sums in float64, the optimiser's moments.
_BYTES_PER_COORDINATE = 48


def cost(config: DoubleDescentConfig, _model: Config | None) -> Cost:
    """Operations, memory and seconds of one core of the whole training. Evaluations are not in it.

    The operations are an upper bound, as if no pair of feature and sample were skipped: a pair's pre-activation and its
    two reductions take 2 (m + 1) each, and so do a non-zero's five sums. The seconds are what every step takes, its
    non-zeros and its operations.
    """
    pairs = config.T * config.n
    nonzeros = expected_nonzeros(config.T, n=config.n, sparsity=config.sparsity)
    steps = config.steps * config.initialisations
    flops = steps * 2 * (config.m + 1) * (3 * pairs + 5 * nonzeros)
    seconds = steps * (STEP_SECONDS + NONZERO_SECONDS * nonzeros) + flops / CORE_RATE
    return Cost(flops=flops, memory=needed_bytes(config), seconds=seconds)


def needed_bytes(config: DoubleDescentConfig) -> int:
    """An estimate of what a run holds at once."""
    nonzeros = expected_nonzeros(config.T, n=config.n, sparsity=config.sparsity)
    coordinates = (config.T + config.n) * (config.m + 1)
    # The snapshots of W, and their copy while they are saved.
    snapshots = 2 * config.frames * config.n * config.m * 4
    own = nonzeros * _BYTES_PER_NONZERO + coordinates * _BYTES_PER_COORDINATE + snapshots
    return int(config.initialisations * own * (2 if config.float64 else 1))


def require_memory(config: DoubleDescentConfig, *, available: int | None = None) -> None:
    """Raise `UsageError` when the run needs more than `available` bytes (unset: this machine's memory)."""
    available = physical_memory() if available is None else available
    needed = needed_bytes(config)
    if available is not None and needed > available:
        nonzeros = expected_nonzeros(config.T, n=config.n, sparsity=config.sparsity)
        raise UsageError(
            f"T = {config.T} samples of {config.n} features have about {nonzeros:.2g} non-zeros, which need "
            f"{needed / 2**30:.3g} GiB of the {available / 2**30:.3g} GiB here: "
            "take a smaller --T, a higher --sparsity or fewer --initialisations"
        )


def physical_memory() -> int | None:
    """The bytes of this machine's memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
