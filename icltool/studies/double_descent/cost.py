"""What a training of the toy ReLU model costs, before it runs."""

from icltool.core.config import Config
from icltool.data.sparse_features import expected_nonzeros
from icltool.studies.double_descent.config import DoubleDescentConfig


def flops(config: Config, _model: Config | None) -> float:
    """Floating-point operations of the whole training, if no pair of feature and sample were skipped: an upper bound.

    A pair's pre-activation and its two reductions take 2 (m + 1) each, and so do a non-zero's five sums.
    """
    assert isinstance(config, DoubleDescentConfig)  # noqa: S101 - the registry pairs a study with its own settings
    pairs = config.T * config.n
    nonzeros = expected_nonzeros(config.T, n=config.n, sparsity=config.sparsity)
    a_step = 2 * (config.m + 1) * (3 * pairs + 5 * nonzeros)
    return config.steps * config.initialisations * a_step
