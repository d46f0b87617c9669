"""The probes' targets against numpy, closed forms and hand-computed cases."""

from typing import Any

import numpy as np
import pytest
import torch

from icltool.core.errors import UsageError
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.config import TARGETS, ProbeTarget, ProbeTargetConfig
from icltool.regression.evaluation.probe_targets import probe_targets


def prompts(*, batch: int = 5, n: int = 9, d: int = 4, seed: int = 0, weighted: bool = True) -> Prompts:
    random = torch.Generator().manual_seed(seed)
    xs = torch.randn(batch, n, d, generator=random)
    weights = torch.randn(batch, d, generator=random)
    ys = torch.einsum("bnd,bd->bn", xs, weights) + 0.5 * torch.randn(batch, n, generator=random)
    return Prompts(xs=xs, ys=ys, weights=weights if weighted else None)


def by_hand() -> Prompts:
    """Two points in the plane: x = (1, 0), (1, 2), y = 2, 4."""
    return Prompts(xs=torch.tensor([[[1.0, 0.0], [1.0, 2.0]]]), ys=torch.tensor([[2.0, 4.0]]))


def targets(batch: Prompts, **settings: Any) -> torch.Tensor:
    return probe_targets(batch, ProbeTargetConfig.model_validate(settings))


def numpy_of(batch: Prompts) -> tuple[Any, Any]:
    return batch.xs.double().numpy(), batch.ys.double().numpy()


@pytest.mark.parametrize(("n", "d"), [(9, 4), (41, 20), (3, 6), (4, 4), (2, 1)])
def test_wols_is_numpys_least_squares(n: int, d: int) -> None:
    batch = prompts(n=n, d=d)
    found = targets(batch, target="Wols")
    assert found.shape == (min(n, d), 5, d)
    xs, ys = numpy_of(batch)
    for i in range(1, min(n, d) + 1):
        for prompt in range(5):
            expected = np.linalg.lstsq(xs[prompt, :i], ys[prompt, :i])[0]
            np.testing.assert_allclose(found[i - 1, prompt].numpy(), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("penalty", [1e-8, 1e-2, 3.0])
def test_ridge_is_its_closed_form(penalty: float) -> None:
    batch = prompts()
    found = targets(batch, target="ridge", penalty=penalty)
    assert found.shape == (9, 5, 4)
    xs, ys = numpy_of(batch)
    for i in range(1, 10):
        for prompt in range(5):
            x, y = xs[prompt, :i], ys[prompt, :i]
            # The augmented least squares: stable for a small penalty, where XᵀX + λI is nearly singular.
            rows = np.vstack([x, penalty**0.5 * np.eye(4)])
            expected = np.linalg.lstsq(rows, np.concatenate([y, np.zeros(4)]))[0]
            np.testing.assert_allclose(found[i - 1, prompt].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_xy_by_hand() -> None:
    # Σ y x / n: (2, 0) / 2, then (2 + 4, 8) / 2.
    assert targets(by_hand(), target="Xy").tolist() == [[[1.0, 0.0]], [[3.0, 4.0]]]


def test_gradient_descent_by_hand() -> None:
    # Prefix 1: XᵀX = diag(1, 0), Xᵀy = (2, 0), step 1 / 1: there after one step.
    # Prefix 2: XᵀX = [[2, 2], [2, 4]], Xᵀy = (6, 8), λ_max = 3 + √5; w_1 = (6, 8) / λ_max.
    largest = 3 + 5**0.5
    first = np.array([6, 8]) / largest
    second = first + (np.array([6, 8]) - np.array([[2, 2], [2, 4]]) @ first) / largest
    for steps, expected in ((1, first), (2, second)):
        found = targets(by_hand(), target=f"gd:{steps}")
        np.testing.assert_allclose(found[0, 0].numpy(), [2, 0], rtol=1e-6)
        np.testing.assert_allclose(found[1, 0].numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 3, 40])
def test_gradient_descent_step_by_step(steps: int) -> None:
    batch = prompts()
    found = targets(batch, target=f"gd:{steps}")
    xs, ys = numpy_of(batch)
    for i in range(1, 10):
        for prompt in range(5):
            x, y = xs[prompt, :i], ys[prompt, :i]
            curvature = np.linalg.eigvalsh(2 * x.T @ x / i)[-1]
            w = np.zeros(4)
            for _ in range(steps):
                w -= 2 * x.T @ (x @ w - y) / i / curvature
            np.testing.assert_allclose(found[i - 1, prompt].numpy(), w, rtol=1e-5, atol=1e-6)


def test_endless_descent_ends_in_least_squares() -> None:
    batch = prompts(n=4, d=4)
    torch.testing.assert_close(
        targets(batch, target="gd:1000000000"), targets(batch, target="Wols"), rtol=1e-4, atol=1e-4
    )


def test_w_is_the_weights_once() -> None:
    batch = prompts()
    found = targets(batch, target="w")
    assert found.shape == (1, 5, 4)
    assert batch.weights is not None
    assert torch.equal(found[0], batch.weights)
    with pytest.raises(UsageError, match="the target w needs functions with weights"):
        targets(prompts(weighted=False), target="w")


def test_prefixes() -> None:
    def prefixes(target: str, n: int, d: int) -> list[int]:
        return list(ProbeTargetConfig(target=target).prefixes(n=n, d=d))

    assert prefixes("Xy", 5, 3) == prefixes("ridge", 5, 3) == prefixes("gd:2", 5, 3) == [1, 2, 3, 4, 5]
    assert prefixes("Wols", 5, 3) == [1, 2, 3]
    assert prefixes("Wols", 2, 3) == [1, 2]
    assert prefixes("w", 5, 3) == [5]


@pytest.mark.parametrize("target", ["gd", "gd:0", "gd:-1", "gd:1e3", "gd:99999999999", "wols", "", "w,Xy"])
def test_what_is_not_a_target(target: str) -> None:
    with pytest.raises(UsageError, match=rf"is not a target .*choose from {', '.join(TARGETS)}"):
        ProbeTargetConfig.create({"target": target})


def test_a_target_has_one_spelling() -> None:
    assert ProbeTargetConfig(target="gd:007").target == "gd:7"


def test_a_target_is_what_its_entry_says_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one is not taken for gradient descent, and one that is not in the table is refused, also unvalidated."""
    batch = prompts()
    assert batch.weights is not None
    expected = targets(batch, target="gd:3")
    new = ProbeTarget(compute=f"{__name__}:twice", prefixes=lambda n, _d: range(n, n + 1))
    table = {"twice-w": new, **dict(reversed(TARGETS.items()))}
    monkeypatch.setattr("icltool.regression.evaluation.config.TARGETS", table)
    assert torch.equal(targets(batch, target="twice-w")[0], 2 * batch.weights)
    assert torch.equal(targets(batch, target="gd:3"), expected)
    for unknown in ("Wls", "w:3", "gd:0"):
        with pytest.raises(UsageError, match=f"'{unknown}' is not a target"):
            probe_targets(batch, ProbeTargetConfig.model_construct(target=unknown))


@pytest.mark.parametrize(("compute", "prefixes"), [("xy_targets", range(3, 4)), ("weight_targets", range(1, 4))])
def test_an_entry_whose_prefixes_are_not_those_of_its_targets_is_refused(
    compute: str, prefixes: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broadcasting would compare every prefix's probe with one target, without a word."""
    entry = ProbeTarget(
        compute=f"icltool.regression.evaluation.probe_targets:{compute}", prefixes=lambda _n, _d: prefixes
    )
    monkeypatch.setitem(TARGETS, "odd", entry)
    with pytest.raises(UsageError, match="the target odd is computed for"):
        targets(prompts(), target="odd")


def twice(batch: Prompts, _config: ProbeTargetConfig) -> torch.Tensor:
    assert batch.weights is not None
    return 2 * batch.weights[:, None].double()
