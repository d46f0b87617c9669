"""The classical learners against numpy, prefix by prefix."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from icltool.core.seeding import generator
from icltool.regression.data.config import PLACING_SHIFTS, Shift
from icltool.regression.data.function_classes import sample_prompts
from icltool.regression.data.prompts import Prompts
from icltool.regression.data.shifts import shifted_prompts
from icltool.regression.models.baselines import BASELINES, averaging, least_squares, nearest_neighbours, ridge


def noisy(n: int = 9, d: int = 4) -> Prompts:
    return sample_prompts("noisy-linear-regression", generator(2, "x"), batch=5, n=n, d=d)


def arrays(prompts: Prompts, b: int) -> tuple[np.ndarray, np.ndarray]:
    return prompts.xs[b].double().numpy(), prompts.ys[b].double().numpy()


def test_least_squares_is_numpys() -> None:
    prompts = noisy()
    predictions = least_squares(prompts)
    for b in range(5):
        xs, ys = arrays(prompts, b)
        for i in range(1, 9):
            weights = np.linalg.lstsq(xs[:i], ys[:i], rcond=None)[0]
            assert float(predictions[b, i]) == pytest.approx(float(xs[i] @ weights), abs=1e-4)


def with_repeats(xs: torch.Tensor) -> torch.Tensor:
    repeated = xs.clone()
    repeated[:, 3] = xs[:, 1]
    repeated[:, 5] = 2 * xs[:, 0] - xs[:, 1]
    return repeated


def nearly_repeating(xs: torch.Tensor) -> torch.Tensor:
    near = xs.clone()
    near[:, 3] = xs[:, 1] + 1e-5 * xs[:, 2]
    return near


def with_a_zero_point(xs: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros_like(xs[:, :1]), xs[:, 1:]], dim=1)


@pytest.mark.parametrize("move", [with_repeats, nearly_repeating, with_a_zero_point, torch.round, torch.zeros_like])
@pytest.mark.parametrize("dims", [6, 3])
def test_least_squares_has_minimum_norm_whatever_the_rank(
    move: Callable[[torch.Tensor], torch.Tensor], dims: int
) -> None:
    drawn = sample_prompts("relu-2nn", generator(5, "x"), batch=40, n=12, d=6, dims=dims)
    prompts = Prompts(xs=move(drawn.xs), ys=drawn.ys)
    predictions = least_squares(prompts)
    for b in range(40):
        xs, ys = arrays(prompts, b)
        for i in range(1, 12):
            expected = float(xs[i] @ np.linalg.lstsq(xs[:i], ys[:i], rcond=None)[0])
            assert float(predictions[b, i]) == pytest.approx(expected, abs=1e-4, rel=1e-4)


@pytest.mark.parametrize("shift", ["half-subspace", "skewed-covariance", "x-scale-3"])
def test_least_squares_is_numpys_under_shifts(shift: Shift) -> None:
    prompts = shifted_prompts("linear-regression", shift, seed=0, batch=60, n=13, d=8)
    predictions = least_squares(prompts)
    for b in range(60):
        xs, ys = arrays(prompts, b)
        for i in range(1, 13):
            expected = float(xs[i] @ np.linalg.lstsq(xs[:i], ys[:i], rcond=None)[0])
            assert float(predictions[b, i]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("shift", PLACING_SHIFTS)
def test_a_placed_query_is_predicted_from_its_own_prefix(name: str, shift: Shift) -> None:
    prompts = shifted_prompts("linear-regression", shift, seed=0, batch=5, n=6, d=6)
    together = BASELINES[name](prompts)
    for k in range(6):
        alone = Prompts(
            xs=torch.cat([prompts.xs[:, :k], prompts.query_xs[:, k : k + 1]], dim=1),
            ys=torch.cat([prompts.ys[:, :k], torch.full((5, 1), 99.0)], dim=1),
        )
        torch.testing.assert_close(together[:, k], BASELINES[name](alone)[:, k], atol=1e-4, rtol=1e-4)


def test_ridge_is_the_closed_form() -> None:
    prompts = noisy()
    predictions = ridge(prompts, penalty=0.3)
    for b in range(5):
        xs, ys = arrays(prompts, b)
        for i in range(9):
            weights = np.linalg.inv(xs[:i].T @ xs[:i] + 0.3 * np.eye(4)) @ xs[:i].T @ ys[:i]
            assert float(predictions[b, i]) == pytest.approx(float(xs[i] @ weights), abs=1e-4)


def test_averaging_is_the_mean_product() -> None:
    prompts = noisy()
    predictions = averaging(prompts)
    for b in range(5):
        xs, ys = arrays(prompts, b)
        for i in range(1, 9):
            expected = float(xs[i] @ (ys[:i, None] * xs[:i]).mean(0))
            assert float(predictions[b, i]) == pytest.approx(expected, abs=1e-4)


def test_nearest_neighbours_by_sorting() -> None:
    prompts = noisy()
    predictions = nearest_neighbours(prompts)
    for b in range(5):
        xs, ys = arrays(prompts, b)
        for i in range(1, 9):
            order = np.argsort(((xs[:i] - xs[i]) ** 2).sum(1))[:3]
            assert float(predictions[b, i]) == pytest.approx(float(ys[order].mean()), abs=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_is_known_before_the_first_example_nor_from_the_future(name: str) -> None:
    prompts = noisy()
    before = BASELINES[name](prompts)
    assert bool((before[:, 0] == 0).all())
    ys = prompts.ys.clone()
    ys[:, 5:] += 10
    after = BASELINES[name](Prompts(xs=prompts.xs, ys=ys))
    torch.testing.assert_close(after[:, :6], before[:, :6])


def test_least_squares_reaches_the_papers_errors() -> None:
    """Yang et al. 2023, d = 20: .515 with 10 examples, next to 0 with 20."""
    prompts = sample_prompts("linear-regression", generator(0, "x"), batch=1280, n=26, d=20)
    errors = (least_squares(prompts) - prompts.ys).square().mean(0) / 20
    assert float(errors[10]) == pytest.approx(0.515, abs=0.04)
    assert float(errors[25]) < 1e-6


def test_nearest_neighbours_reach_the_papers_errors() -> None:
    """Yang et al. 2023, d = 20: .904 with 10 examples, .769 with 20, .710 with 40."""
    prompts = sample_prompts("linear-regression", generator(0, "x"), batch=4000, n=41, d=20)
    errors = (nearest_neighbours(prompts) - prompts.ys).square().mean(0) / 20
    for seen, expected in ((10, 0.904), (20, 0.769), (40, 0.710)):
        assert float(errors[seen]) == pytest.approx(expected, abs=0.06)
