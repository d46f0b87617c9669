"""The fitted learners against scikit-learn and a plain torch network called naively, prefix by prefix."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Lasso
from sklearn.tree import DecisionTreeRegressor
from torch import nn

from icltool.core.seeding import generator
from icltool.regression.data.function_classes import sample_prompts
from icltool.regression.data.prompts import Prompts
from icltool.regression.data.shifts import shifted_prompts
from icltool.regression.models.fitted_baselines import FITTED_BASELINES, trained_network

PLACES = [0, 1, 4, 8]


def two_prompts() -> Prompts:
    return sample_prompts("noisy-linear-regression", generator(4, "x"), batch=2, n=9, d=3)


def naive(name: str) -> Any:
    return {
        "Lasso": Lasso(alpha=0.01, fit_intercept=False, max_iter=100_000),
        "decision tree": DecisionTreeRegressor(max_depth=4, random_state=0),
        "decision tree of signs": DecisionTreeRegressor(max_depth=4, random_state=0),
        "gradient boosting": GradientBoostingRegressor(max_depth=4, n_estimators=50, learning_rate=0.1, random_state=0),
    }[name]


@pytest.mark.parametrize("name", [name for name in FITTED_BASELINES if name != "trained network"])
@pytest.mark.parametrize("placed", [False, True])
def test_the_four_are_scikit_learns(name: str, placed: bool) -> None:
    prompts = two_prompts()
    if placed:
        prompts = shifted_prompts("noisy-linear-regression", "random-quadrants", seed=4, batch=2, n=9, d=3)
    found = FITTED_BASELINES[name](prompts, PLACES)
    for b in range(2):
        for column, k in enumerate(PLACES):
            if k == 0:
                assert float(found[b, column]) == 0
                continue
            xs, ys = prompts.xs[b].double().numpy(), prompts.ys[b].double().numpy()
            query = prompts.query_xs[b, k].double().numpy()
            if name == "decision tree of signs":
                xs, query = np.sign(xs), np.sign(query)
            expected = naive(name).fit(xs[:k], ys[:k]).predict([query])[0]
            assert float(found[b, column]) == pytest.approx(float(expected), abs=1e-5)


def test_the_network_is_the_one_trained_alone() -> None:
    prompts = two_prompts()
    found = trained_network(prompts, PLACES)
    random = generator(0, "trained network")
    sizes = (((3, 100), 3), ((100,), 3), ((100,), 100), ((), 100))
    start = [(2 * torch.rand(shape, generator=random) - 1) / inputs**0.5 for shape, inputs in sizes]
    for b in range(2):
        for column, k in enumerate(PLACES[1:], start=1):
            network = nn.Sequential(nn.Linear(3, 100), nn.ReLU(), nn.Linear(100, 1))
            with torch.no_grad():
                for parameter, value in zip(network.parameters(), start, strict=True):
                    parameter.copy_((value.mT if value.ndim == 2 else value).reshape(parameter.shape))
            optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
            for _ in range(100):
                optimiser.zero_grad()
                (network(prompts.xs[b, :k])[:, 0] - prompts.ys[b, :k]).square().mean().backward()
                optimiser.step()
            alone = network(prompts.xs[b, k])
            assert float(found[b, column]) == pytest.approx(float(alone.detach()[0]), abs=1e-3)
    assert bool((found[:, 0] == 0).all())
    assert not found.requires_grad


@pytest.mark.parametrize("name", FITTED_BASELINES)
def test_nothing_is_known_from_the_future(name: str) -> None:
    prompts = two_prompts()
    before = FITTED_BASELINES[name](prompts, [0, 2, 4])
    ys, xs = prompts.ys.clone(), prompts.xs.clone()
    ys[:, 4:] += 10
    xs[:, 5:] += 10
    after = FITTED_BASELINES[name](Prompts(xs=xs, ys=ys), [0, 2, 4])
    torch.testing.assert_close(after, before)
