import numpy as np
import pytest
import torch

from icltool.core.errors import UsageError
from icltool.superposition.data.sparse_features import draw_report_samples, nan_columns


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_columns_have_length_one_and_values_are_alike_within_a_column() -> None:
    """The report's code: X = rand; X[X < S] = 0; X / norm(X, over the samples)."""
    S = 0.9
    samples = draw_report_samples(50, n=30, sparsity=S, generator=generator(), dtype=torch.float64)
    dense = samples.dense().numpy()
    lengths = np.sqrt((dense**2).sum(0))
    assert nan_columns(samples) == int((lengths == 0).sum())
    assert lengths[lengths > 0] == pytest.approx(1.0, abs=1e-12)
    for column in dense.T[lengths > 0]:
        active = column[column > 0]
        # All of an active column's values were in [S, 1] before the division.
        assert active.min() / active.max() >= S


def test_the_share_of_active_and_of_nan_columns() -> None:
    T, n, S = 20, 5000, 0.95
    samples = draw_report_samples(T, n=n, sparsity=S, generator=generator(1))
    active = samples.values.numel() / (T * n)
    assert abs(active - (1 - S)) < 4 * (S * (1 - S) / (T * n)) ** 0.5
    silent = S**T
    assert abs(nan_columns(samples) / n - silent) < 4 * (silent * (1 - silent) / n) ** 0.5


def test_empty_samples_stay_and_no_data_at_all_is_said() -> None:
    samples = draw_report_samples(400, n=10, sparsity=0.99, generator=generator(2))
    empty = int((samples.offsets.diff() == 0).sum())
    assert abs(empty / 400 - 0.99**10) < 0.1
    with pytest.raises(UsageError, match="no active feature"):
        draw_report_samples(1, n=1, sparsity=0.999999, generator=generator(3))
