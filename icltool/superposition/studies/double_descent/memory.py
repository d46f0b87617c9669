"""Whether the non-zeros of T samples fit in this machine's memory, known before anything is drawn."""

import os

from icltool.core.errors import UsageError
from icltool.superposition.data.sparse_features import expected_nonzeros
from icltool.superposition.studies.double_descent.config import DoubleDescentConfig

# Values, features and samples in two orders, and the products of a step, for each non-zero.
_BYTES_PER_NONZERO = 128
# A sample's and a feature's rows (h, 1) and (w, b) in float32, their sums in float64, the optimiser's moments.
_BYTES_PER_COORDINATE = 48


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
