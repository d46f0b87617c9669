"""What a run trains on and what it is tested on, each from its own seed."""

from collections.abc import Iterator

import torch

from icltool.core.seeding import generator
from icltool.superposition.data.report_features import draw_report_samples
from icltool.superposition.data.sparse_features import SparseSamples, draw_samples, stream_samples
from icltool.superposition.studies.double_descent.config import DoubleDescentConfig


def training_samples(config: DoubleDescentConfig) -> SparseSamples:
    """The T samples of the run's seed."""
    draw = draw_report_samples if config.variant == "report" else draw_samples
    return draw(
        config.T,
        n=config.n,
        sparsity=config.sparsity,
        generator=generator(config.seed, "samples"),
        dtype=number_type(config),
    )


def test_samples(config: DoubleDescentConfig) -> Iterator[SparseSamples]:
    """The fresh samples of the test loss, in chunks; the same at every call, and for every T and seed."""
    random = generator(config.eval_seed, "test-samples")
    n, sparsity, dtype = config.n, config.sparsity, number_type(config)
    if config.variant == "report":
        # Its lengths are over all the samples, so they cannot come in chunks.
        yield draw_report_samples(config.test_samples, n=n, sparsity=sparsity, generator=random, dtype=dtype)
    else:
        yield from stream_samples(config.test_samples, n=n, sparsity=sparsity, generator=random, dtype=dtype)


def number_type(config: DoubleDescentConfig) -> torch.dtype:
    """What the run computes in."""
    return torch.float64 if config.float64 else torch.float32
