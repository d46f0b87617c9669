"""The bootstrap against the normal distribution it approaches."""

import pytest
import torch

from icltool.core.bootstrap import bootstrap_mean, mean_over_seeds, rows_over_seeds
from icltool.core.result import Row
from icltool.core.seeding import generator


def test_the_band_of_a_mean_of_many_is_the_normal_one() -> None:
    values = torch.randn(4000, 2, generator=generator(0, "v")) * torch.tensor([1.0, 3.0]) + 5
    band = bootstrap_mean(values, generator(0, "b"))
    standard_error = values.double().std(0) / 4000**0.5
    torch.testing.assert_close(band.mean, values.double().mean(0))
    for side, quantile in ((band.low, -1.645), (band.high, 1.645)):
        torch.testing.assert_close(side - band.mean, quantile * standard_error, rtol=0.1, atol=0)


def test_equal_values_have_no_spread() -> None:
    band = bootstrap_mean(torch.full((10, 3), 2.0), generator(0, "b"))
    assert torch.equal(band.low, band.high)
    assert float(band.mean[0]) == pytest.approx(2)


def test_the_same_seed_gives_the_same_band() -> None:
    values = torch.rand(50, 4, generator=generator(0, "v"))
    first, again = (bootstrap_mean(values, generator(1, "b")) for _ in range(2))
    assert torch.equal(first.low, again.low)


def test_means_over_seeds_by_hand_ascending_with_their_bands() -> None:
    rows: list[Row] = [{"T": T, "m": 2, "loss": loss} for T, loss in ((9, 4.0), (3, 1.0), (3, 3.0))]
    assert rows_over_seeds(rows, "loss", by=["T", "m"]) == [
        # Of two seeds a quarter of the resamples hold one of them alone.
        {"T": 3, "m": 2, "mean": 2.0, "low": 1.0, "high": 3.0, "runs": 2},
        {"T": 9, "m": 2, "mean": 4.0, "low": 4.0, "high": 4.0, "runs": 1},
    ]


def test_the_band_of_many_seeds_is_not_their_range() -> None:
    mean, low, high = mean_over_seeds(torch.arange(30.0))
    assert 0 < low < mean < high < 29
    assert mean == 14.5


def test_a_recorded_stream_is_its_own_generator() -> None:
    values = torch.rand(5, generator=generator(0, "v"))
    recorded = bootstrap_mean(values, generator(0, "sweep", "test_loss"))
    assert mean_over_seeds(values, "sweep", "test_loss") == recorded
