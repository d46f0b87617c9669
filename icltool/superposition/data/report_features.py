"""The data of report 004's code, with its two mistakes, to see what they do; not the paper's data.

The mask zeroes a uniform entry where the entry itself is below S, so that what stays lies in [S, 1]: with S = .999
every active feature has almost the value 1. The lengths are taken over columns, a feature's values in all samples,
instead of over a sample's features: a feature active k times gets about 1/sqrt(k) wherever it is active, samples have
any length, zero included, and a feature active nowhere is 0/0. Those NaN columns made the report's loss NaN, the gaps
of its curve; here they are counted, and the feature stays zero.

Shapes: T samples, n features, "nnz" non-zeros over all samples.
"""

import torch

from icltool.core.errors import UsageError
from icltool.superposition.data.sparse_features import SparseSamples, active_positions


def draw_report_samples(
    T: int, *, n: int, sparsity: float, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> SparseSamples:
    """T samples as report 004's code draws them; those without an active feature stay, as zero samples.

    Raises `UsageError` when there is no active feature at all.
    """
    positions = active_positions(T * n, sparsity=sparsity, generator=generator)
    if not len(positions):
        raise UsageError(
            f"{T} samples of {n} features at sparsity {sparsity} have no active feature: take more of them"
        )
    samples, features = torch.div(positions, n, rounding_mode="floor"), positions % n
    uniform = torch.rand(len(positions), generator=generator, dtype=torch.float64)
    values = 1 - (1 - sparsity) * uniform  # what is left of U[0, 1] where it is not below S
    lengths = torch.zeros(n, dtype=torch.float64).index_add_(0, features, values.square()).sqrt_()
    offsets = torch.cat([positions.new_zeros(1), torch.bincount(samples, minlength=T).cumsum(0)])
    return SparseSamples((values / lengths[features]).to(dtype), features, offsets, n)


def nan_columns(samples: SparseSamples) -> int:
    """How many features are active in no sample: the columns that the report's normalisation turns to NaN."""
    return samples.n - torch.unique(samples.features).numel()
