"""Learners fitted anew to every prefix: Lasso, decision trees, gradient boosting, and a network trained by Adam.

Each takes prompts and places (numbers of points seen) and returns predictions [B, p] at the queries of those places;
with no point seen, zero. The first four are scikit-learn's, one fit a prompt and place, so give them few of both; the
networks of all prompts and places are trained together.

Legend: B prompts, n points, d dimensions, p places, h hidden units.
Source: Garg et al. 2022 (arXiv 2208.01066), appendix A; their boosting is XGBoost's, ours scikit-learn's.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from icltool.core.seeding import generator
from icltool.regression.data.prompts import Prompts

Places = Sequence[int]
PlacePredictions = Float[Tensor, "B p"]
FittedBaseline = Callable[[Prompts, Places], Tensor]

LASSO_PENALTY = 0.01
TREE_DEPTH = 4
BOOSTING_TREES = 50
BOOSTING_RATE = 0.1
HIDDEN_UNITS = 100
NETWORK_STEPS = 100
NETWORK_RATE = 5e-3


def lasso(prompts: Prompts, places: Places) -> PlacePredictions:
    """Least squares with an L1 penalty: ‖y - Xw‖² / (2k) + .01 ‖w‖₁, without an intercept."""
    from sklearn.linear_model import Lasso  # noqa: PLC0415 - scikit-learn takes a second to import

    def fit(xs: Any, ys: Any) -> Any:  # noqa: ANN401 - arrays and estimators of scikit-learn
        return Lasso(alpha=LASSO_PENALTY, fit_intercept=False, max_iter=100_000).fit(xs, ys)

    return _fit_each(fit, prompts, places)


def decision_tree(prompts: Prompts, places: Places) -> PlacePredictions:
    """A regression tree of depth 4, grown greedily."""
    return _fit_each(_grow_tree, prompts, places)


def decision_tree_of_signs(prompts: Prompts, places: Places) -> PlacePredictions:
    """The same on the signs of x, which is what the function class `decision-tree` looks at."""
    return _fit_each(_grow_tree, prompts, places, features=torch.sign)


def gradient_boosting(prompts: Prompts, places: Places) -> PlacePredictions:
    """50 trees of depth 4, each fitted to what the earlier ones leave, at learning rate .1."""
    from sklearn.ensemble import GradientBoostingRegressor  # noqa: PLC0415 - as above

    def fit(xs: Any, ys: Any) -> Any:  # noqa: ANN401 - as above
        boosting = GradientBoostingRegressor(
            n_estimators=BOOSTING_TREES, learning_rate=BOOSTING_RATE, max_depth=TREE_DEPTH, random_state=0
        )
        return boosting.fit(xs, ys)

    return _fit_each(fit, prompts, places)


def trained_network(prompts: Prompts, places: Places) -> PlacePredictions:
    """A network d → 100 → 1 with ReLU, 100 full-batch Adam steps at 5e-3 on the mean squared error of the prefix.

    All start from the same weights, uniform in ±1/√(inputs of the layer).
    """
    xs, ys = prompts.xs, prompts.ys
    device, (batch, n, d) = xs.device, xs.shape
    seen = torch.tensor(list(places), device=device)
    # Row p weighs the points before place p equally; place 0 has none and keeps a loss of 0.
    share = (torch.arange(n, device=device) < rearrange(seen, "p -> p 1")) / rearrange(seen.clamp(min=1), "p -> p 1")
    parameters = _initial_networks(batch, len(places), d, device)
    optimiser = torch.optim.Adam(parameters, lr=NETWORK_RATE)
    # A prediction may be asked for where gradients are off.
    with torch.enable_grad():
        for _ in range(NETWORK_STEPS):
            optimiser.zero_grad()
            predicted = _networks(parameters, xs, "B n d, B p d h -> B p n h")
            wrong = (predicted - rearrange(ys, "B n -> B 1 n")).square()
            einsum(wrong, share, "B p n, p n -> ").backward()
            optimiser.step()
    with torch.no_grad():
        asked = _networks(parameters, prompts.query_xs[:, seen], "B p d, B p d h -> B p h")
        return torch.where(seen > 0, asked, 0.0)


def _initial_networks(batch: int, places: int, d: int, device: torch.device) -> list[Tensor]:
    random = generator(0, "trained network")
    shapes = (((d, HIDDEN_UNITS), d), ((HIDDEN_UNITS,), d), ((HIDDEN_UNITS,), HIDDEN_UNITS), ((), HIDDEN_UNITS))
    return [
        ((2 * torch.rand(shape, generator=random) - 1) / inputs**0.5)
        .expand(batch, places, *shape)
        .clone()
        .to(device)
        .requires_grad_()
        for shape, inputs in shapes
    ]


def _networks(parameters: Sequence[Tensor], xs: Tensor, pattern: str) -> Tensor:
    """Each prompt's and place's own network, at shared points [B, n, d] or at one of its own [B, p, d]."""
    first, first_bias, second, second_bias = parameters
    hidden = einsum(xs, first, pattern)
    if hidden.ndim == 4:
        hidden = (hidden + rearrange(first_bias, "B p h -> B p 1 h")).relu()
        return einsum(hidden, second, "B p n h, B p h -> B p n") + rearrange(second_bias, "B p -> B p 1")
    return einsum((hidden + first_bias).relu(), second, "B p h, B p h -> B p") + second_bias


def _grow_tree(xs: Any, ys: Any) -> Any:  # noqa: ANN401 - arrays and estimators of scikit-learn
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415 - as above

    return DecisionTreeRegressor(max_depth=TREE_DEPTH, random_state=0).fit(xs, ys)


def _fit_each(
    fit: Callable[[Any, Any], Any],
    prompts: Prompts,
    places: Places,
    *,
    features: Callable[[Tensor], Tensor] = torch.clone,
) -> PlacePredictions:
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - as above

    xs, queries, ys = (
        part.double().cpu().numpy() for part in (features(prompts.xs), features(prompts.query_xs), prompts.ys)
    )
    found = torch.zeros(len(ys), len(places))
    with warnings.catch_warnings():
        # Lasso on few points may stop a hair from its optimum, which no figure shows.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for column, seen in enumerate(places):
            for row in range(len(ys) if seen else 0):
                fitted = fit(xs[row, :seen], ys[row, :seen])
                found[row, column] = float(fitted.predict(queries[row, seen : seen + 1])[0])
    return found


FITTED_BASELINES: Mapping[str, FittedBaseline] = {
    "Lasso": lasso,
    "decision tree": decision_tree,
    "decision tree of signs": decision_tree_of_signs,
    "gradient boosting": gradient_boosting,
    "trained network": trained_network,
}
