"""The classical learners against numpy, prefix by prefix."""

import numpy as np
import pytest
import torch

from icltool.core.seeding import generator
from icltool.data.function_classes import sample_prompts
from icltool.data.prompts import Prompts
from icltool.models.baselines import BASELINES, averaging, least_squares, nearest_neighbours, ridge


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
