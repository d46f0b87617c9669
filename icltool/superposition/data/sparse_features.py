"""Sparse feature vectors of unit length, sparse by construction: never a dense T x n array.

A sample x in R^n has each coordinate zero with probability S (the sparsity), else uniform on (0, 1]; it
is then rescaled to ||x|| = 1. A sample without any active feature cannot be rescaled and is redrawn, so
the number of active features is binomial, conditioned on being at least one.

Legend: T samples, n features, "nnz" non-zeros over all samples.
Source: Henighan et al. 2023, "Superposition, Memorization, and Double Descent", section on the setup.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icltool.core.errors import UsageError
from icltool.superposition.data.expected_nonzeros import check_sizes, expected_nonzeros


@dataclass(frozen=True)
class SparseSamples:
    """T sparse samples by rows: sample t owns the non-zeros offsets[t] to offsets[t + 1].

    `features` are the columns of the non-zeros, ascending inside a sample; `n` is the number of features.
    """

    values: Float[Tensor, "nnz"]
    features: Int[Tensor, "nnz"]
    offsets: Int[Tensor, "T_plus_1"]
    n: int

    @property
    def count(self) -> int:
        """T, the number of samples."""
        return self.offsets.numel() - 1

    @property
    def samples(self) -> Int[Tensor, "nnz"]:
        """The row of every non-zero, ascending."""
        rows = torch.arange(self.count, device=self.offsets.device)
        return rows.repeat_interleave(self.offsets.diff(), output_size=self.values.numel())

    def dense(self) -> Float[Tensor, "T n"]:
        """The dense matrix, for small data and for tests: it takes T * n numbers."""
        matrix = self.values.new_zeros(self.count, self.n)
        return matrix.index_put_((self.samples, self.features), self.values)

    def take(self, start: int, stop: int) -> "SparseSamples":
        """The samples start (inclusive) to stop (exclusive), sharing memory with these."""
        if not 0 <= start <= stop <= self.count:
            raise UsageError(f"samples {start} to {stop} are outside 0 to {self.count}")
        offsets = self.offsets[start : stop + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        return SparseSamples(self.values[first:last], self.features[first:last], offsets - first, self.n)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "SparseSamples":
        """The same samples on another device, or with values of another floating type."""
        return SparseSamples(
            self.values.to(device=device, dtype=dtype),
            self.features.to(device=device),
            self.offsets.to(device=device),
            self.n,
        )


def draw_samples(
    T: int,
    *,
    n: int,
    sparsity: float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> SparseSamples:
    """T samples of unit length on the CPU; the same generator state gives the same samples.

    The mask is one endless stream of Bernoulli(1 - S) rows, walked from one active entry to the next by
    its geometric gaps, so the work is proportional to the non-zeros. A row the walk jumps over is a
    sample without active features: taking the first T rows it touches is the redraw.
    """
    check_sizes(T, n=n, sparsity=sparsity)
    positions = torch.empty(0, dtype=torch.int64)
    last, rows = -1, 0
    while rows <= T:  # one row more than wanted: only then is row T - 1 known to be complete
        missing = T + 1 - rows
        batch = int(expected_nonzeros(missing, n=n, sparsity=sparsity) * 1.05) + 64
        gaps = _gaps(batch, sparsity=sparsity, generator=generator)
        steps = gaps.cumsum(0) + last
        last = int(steps[-1])
        positions = torch.cat([positions, steps])
        rows = int(torch.div(positions, n, rounding_mode="floor").diff().ne(0).sum()) + 1
    stream_rows = torch.div(positions, n, rounding_mode="floor")
    _, samples, counts = torch.unique_consecutive(stream_rows, return_inverse=True, return_counts=True)
    counts = counts[:T]
    nnz = int(counts.sum())
    samples, features = samples[:nnz], positions[:nnz] % n
    values = 1 - torch.rand(nnz, generator=generator, dtype=torch.float64)
    lengths = torch.zeros(T, dtype=torch.float64).index_add_(0, samples, values.square()).sqrt_()
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return SparseSamples((values / lengths[samples]).to(dtype), features, offsets, n)


def active_positions(total: int, *, sparsity: float, generator: torch.Generator) -> Int[Tensor, "nnz"]:
    """Which of `total` entries, each active with probability 1 - S on its own, are active: ascending positions."""
    check_sizes(total, n=1, sparsity=sparsity)
    found: list[Tensor] = []
    last = -1
    while last < total:
        batch = int((total - last) * (1 - sparsity) * 1.05) + 64
        found.append(_gaps(batch, sparsity=sparsity, generator=generator).cumsum(0) + last)
        last = int(found[-1][-1])
    positions = torch.cat(found)
    return positions[positions < total]


def _gaps(count: int, *, sparsity: float, generator: torch.Generator) -> Int[Tensor, "count"]:
    """Distances from one active entry of a Bernoulli(1 - S) stream to the next, geometric and at least 1."""
    # 1 - U lies in (0, 1], so the logarithm is finite and S = 0 gives gaps of exactly 1.
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    log_keep = math.log(sparsity) if sparsity > 0 else -math.inf
    return torch.floor(torch.log1p(-uniform) / log_keep).long() + 1


def stream_samples(
    total: int,
    *,
    n: int,
    sparsity: float,
    generator: torch.Generator,
    chunk: int = 4096,
    dtype: torch.dtype = torch.float32,
) -> Iterator[SparseSamples]:
    """Fresh samples in chunks of at most `chunk`, `total` in all: test data in bounded memory.

    The samples depend on the generator and on `chunk`, so keep both to compare two models.
    """
    if chunk < 1:
        raise UsageError(f"a chunk of {chunk} samples is empty: use at least 1")
    check_sizes(total, n=n, sparsity=sparsity)
    for start in range(0, total, chunk):
        size = min(chunk, total - start)
        yield draw_samples(size, n=n, sparsity=sparsity, generator=generator, dtype=dtype)


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
