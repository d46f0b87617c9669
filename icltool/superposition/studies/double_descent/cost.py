"""What a training of the toy ReLU model costs, before it runs."""

from icltool.core.config import Config
from icltool.superposition.data.sparse_features import expected_nonzeros
from icltool.superposition.studies.double_descent.config import DoubleDescentConfig
from icltool.superposition.studies.double_descent.memory import needed_bytes

# One core of an AMD EPYC, torch 2.13, CPU time of the first tens to thousands of steps while others worked on the
# machine; what was measured is in tests/studies/test_costs.py. A non-zero's sums are reads from all over a table.
CORE_RATE = 1.7e10
STEP_SECONDS = 2e-3
NONZERO_SECONDS = 1.2e-7


def flops(config: Config, _model: Config | None) -> float:
    """Floating-point operations of the whole training, if no pair of feature and sample were skipped: an upper bound.

    A pair's pre-activation and its two reductions take 2 (m + 1) each, and so do a non-zero's five sums.
    """
    assert isinstance(config, DoubleDescentConfig)  # noqa: S101 - the registry pairs a study with its own settings
    pairs = config.T * config.n
    nonzeros = expected_nonzeros(config.T, n=config.n, sparsity=config.sparsity)
    a_step = 2 * (config.m + 1) * (3 * pairs + 5 * nonzeros)
    return config.steps * config.initialisations * a_step


def core_seconds(config: Config) -> float:
    """Seconds of one core: what every step takes, its non-zeros and its operations. Evaluations are not in it."""
    assert isinstance(config, DoubleDescentConfig)  # noqa: S101 - as above
    nonzeros = expected_nonzeros(config.T, n=config.n, sparsity=config.sparsity)
    a_step = STEP_SECONDS + NONZERO_SECONDS * nonzeros
    return config.steps * config.initialisations * a_step + flops(config, None) / CORE_RATE


def memory(config: Config) -> float:
    """Bytes that a run holds at once."""
    assert isinstance(config, DoubleDescentConfig)  # noqa: S101 - as above
    return needed_bytes(config)
