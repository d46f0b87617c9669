"""The bootstrap against the normal distribution it approaches."""

import pytest
import torch

from icltool.core.bootstrap import bootstrap_mean
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
