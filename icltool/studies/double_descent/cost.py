"""What a training of the toy ReLU model costs, before it runs."""

from icltool.core.config import Config
from icltool.data.sparse_features import expected_nonzeros
from icltool.studies.double_descent.config import DoubleDescentConfig

# One core of an AMD EPYC, torch 2.13, n = 10 000, m = 2: at T = 100, 1000 and 10 000 a step took 3.2, 14.2 and 122 ms
# of CPU time, in the first thousands, hundreds and tens of steps. Others worked on the machine.
CORE_RATE = 1.5e10
STEP_SECONDS = 2e-3


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
    """Seconds of one core: what a step takes besides, and its operations.

    Three whole runs of the preset `fast`, with their evaluations, took .86 to 1.3 times as long.
    """
    assert isinstance(config, DoubleDescentConfig)  # noqa: S101 - as above
    return config.steps * config.initialisations * STEP_SECONDS + flops(config, None) / CORE_RATE
