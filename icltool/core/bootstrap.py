"""Uncertainty of a mean, over prompts or over seeds, by the bootstrap.

Legend: B prompts, r resamples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float
from torch import Generator, Tensor

from icltool.core.result import Row, real, whole
from icltool.core.seeding import generator as named_generator

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


def mean_over_seeds(values: Float[Tensor, "seeds *rest"], *stream: str) -> MeanBand:
    """Mean over runs that differ in their seeds only, with the bootstrap's 5-95 % band of that mean.

    Every mean over seeds with a band that icltool shows or records comes from here. `stream` names the resampling's
    generator, so that a recorded band is repeated to the digit.
    """
    return bootstrap_mean(values, named_generator(0, *(stream or ("over-seeds",))))


def rows_over_seeds(rows: Sequence[Row], value: str, *, by: Sequence[str]) -> list[Row]:
    """The mean over seeds of a column at each value of the whole numbers `by`, ascending.

    A row holds these, mean, low and high (see `mean_over_seeds`), and of how many `runs` they are.
    """
    groups: dict[tuple[int, ...], list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(whole(row, column) for column in by), []).append(real(row, value))
    averaged: list[Row] = []
    for place, measured in sorted(groups.items()):
        mean, low, high = (float(side) for side in mean_over_seeds(torch.tensor(measured, dtype=torch.float64)))
        columns = dict(zip(by, place, strict=True))
        averaged.append({**columns, "mean": mean, "low": low, "high": high, "runs": len(measured)})
    return averaged
