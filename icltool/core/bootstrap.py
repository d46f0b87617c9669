"""Uncertainty of a mean over prompts by the bootstrap.

Legend: B prompts, r resamples.
"""

from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float
from torch import Generator, Tensor

RESAMPLES = 1000
QUANTILES = (0.05, 0.95)


class MeanBand(NamedTuple):
    """A mean and the 5 % and 95 % quantiles of its bootstrap distribution."""

    mean: Tensor
    low: Tensor
    high: Tensor


def bootstrap_mean(values: Float[Tensor, "B *rest"], generator: Generator, *, resamples: int = RESAMPLES) -> MeanBand:
    """Mean over the first axis, with the 5-95 % band over resamples of the prompts (with replacement), in float64.

    One resampling serves all the columns, so that bands of the same prompts are comparable.
    """
    prompts = values.shape[0]
    sample = values.double().cpu()
    drawn = torch.randint(prompts, (resamples, prompts), generator=generator)
    counts = torch.zeros(resamples, prompts, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones(drawn.shape, dtype=torch.float64))
    means = einsum(counts, sample, "r B, B ... -> r ...") / prompts
    low, high = torch.quantile(means, torch.tensor(QUANTILES, dtype=torch.float64), dim=0)
    return MeanBand(sample.mean(0), low, high)
