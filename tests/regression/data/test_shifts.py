"""The shifts by their statistics, and what each promises about its queries."""

from typing import get_args

import numpy as np
import pytest
import torch
from scipy.stats import kstest, uniform

from icltool.core.seeding import generator
from icltool.regression.data.config import PLACING_SHIFTS, Shift
from icltool.regression.data.function_classes import sample_prompts
from icltool.regression.data.prompts import Prompts, Queries
from icltool.regression.data.shifts import SHIFTS, MoveInputs, orthogonal_to_context, seen_before, shifted_prompts

NAMES: tuple[Shift, ...] = get_args(Shift)
SCALES = {"1/3": 1 / 3, "1/2": 1 / 2, "2": 2.0, "3": 3.0}


def linear(shift: Shift, *, batch: int = 400, n: int = 12, d: int = 6, seed: int = 0) -> Prompts:
    return shifted_prompts("linear-regression", shift, seed=seed, batch=batch, n=n, d=d)


def queries_of(prompts: Prompts) -> Queries:
    assert prompts.queries is not None
    return prompts.queries


def test_every_name_has_a_rule() -> None:
    assert set(SHIFTS) == set(NAMES)
    assert {name for name, rule in SHIFTS.items() if rule.queries is not None} == set(PLACING_SHIFTS)


def test_no_shift_is_the_prompts_themselves() -> None:
    plain = sample_prompts("linear-regression", generator(3, "evaluation"), batch=5, n=4, d=3)
    unshifted = linear("none", batch=5, n=4, d=3, seed=3)
    assert torch.equal(plain.xs, unshifted.xs)
    assert torch.equal(plain.ys, unshifted.ys)


@pytest.mark.parametrize("shift", NAMES)
def test_a_shift_keeps_the_functions(shift: Shift) -> None:
    shifted, plain = linear(shift), linear("none")
    assert shifted.weights is not None
    assert plain.weights is not None
    assert torch.equal(shifted.weights, plain.weights)
    again = linear(shift)
    assert torch.equal(again.xs, shifted.xs)
    assert torch.equal(again.query_xs, shifted.query_xs)


@pytest.mark.parametrize("shift", [shift for shift in NAMES if SHIFTS[shift].targets is None])
def test_the_targets_are_the_function_at_the_moved_points(shift: Shift) -> None:
    prompts = linear(shift)
    assert prompts.weights is not None
    weights = prompts.weights.double().numpy()
    for xs, ys in ((prompts.xs, prompts.ys), (prompts.query_xs, prompts.query_ys)):
        expected = np.einsum("bd,bnd->bn", weights, xs.double().numpy())
        np.testing.assert_allclose(ys.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("shift", NAMES)
def test_zero_scores_one_or_the_square_of_the_scale(shift: Shift) -> None:
    prompts = linear(shift, batch=6000)
    if shift == "x-scale-random":
        factor = float(prompts.xs.std())
    else:
        factor = SCALES[shift.partition("scale-")[2]] if "scale" in shift else 1.0
    assert float(prompts.query_ys.square().mean()) / 6 == pytest.approx(factor**2, rel=0.06)


def covariances(shift: Shift, *, d: int) -> np.ndarray:
    xs = linear(shift, batch=3, n=40_000, d=d).xs.double().numpy()
    return np.einsum("bni,bnj->bij", xs, xs) / xs.shape[1]


def test_the_skewed_covariance_has_eigenvalues_like_one_over_i_squared() -> None:
    found = covariances("skewed-covariance", d=5)
    expected = 1 / np.arange(1, 6) ** 2
    expected *= 5 / expected.sum()
    axes: list[np.ndarray] = []
    for matrix in found:
        values, vectors = np.linalg.eigh(matrix)
        np.testing.assert_allclose(values[::-1], expected, rtol=0.04)
        axes.append(vectors[:, -1])
    assert abs(float(axes[0] @ axes[1])) < 0.99, "each prompt has a rotation of its own"


@pytest.mark.parametrize(("d", "rank"), [(1, 1), (2, 1), (5, 2), (6, 3)])
def test_the_half_subspace_has_half_the_rank_and_the_whole_trace(d: int, rank: int) -> None:
    prompts = linear("half-subspace", batch=20, n=15, d=d)
    for xs in prompts.xs.double().numpy():
        assert np.linalg.matrix_rank(xs, tol=1e-4) == rank
    assert np.trace(covariances("half-subspace", d=d), axis1=1, axis2=2) == pytest.approx(d, rel=0.04)


@pytest.mark.parametrize(("name", "scale"), SCALES.items())
def test_scales_are_exact(name: str, scale: float) -> None:
    plain = linear("none")
    moved_x = shifted_prompts("linear-regression", f"x-scale-{name}", seed=0, batch=400, n=12, d=6)  # pyright: ignore[reportArgumentType] - a name made here
    moved_y = shifted_prompts("linear-regression", f"y-scale-{name}", seed=0, batch=400, n=12, d=6)  # pyright: ignore[reportArgumentType] - as above
    torch.testing.assert_close(moved_x.xs, plain.xs * scale)
    torch.testing.assert_close(moved_y.ys, plain.ys * scale)
    assert torch.equal(moved_y.xs, plain.xs)


def test_the_random_scale_is_one_uniform_standard_deviation_a_seed() -> None:
    plain = [linear("none", batch=3, n=4, d=2, seed=seed).xs for seed in range(400)]
    moved = [linear("x-scale-random", batch=3, n=4, d=2, seed=seed).xs for seed in range(400)]
    stds = np.array([float(after[0, 0, 0] / before[0, 0, 0]) for before, after in zip(plain, moved, strict=True)])
    for before, after, std in zip(plain, moved, stds, strict=True):
        torch.testing.assert_close(after, before * std)
    # Kolmogorov and Smirnov against U(0, 2): a wrong law would give a p-value near 0.
    assert kstest(stds, uniform(0, 2).cdf).pvalue > 0.01
    assert stds.mean() == pytest.approx(1, abs=0.1)
    assert stds.std() == pytest.approx(2 / 12**0.5, rel=0.1)


def test_label_noise_has_standard_deviation_one_before_the_rescaling() -> None:
    noisy, plain = linear("label-noise", batch=4000), linear("none", batch=4000)
    noise = noisy.ys * (7 / 6) ** 0.5 - plain.ys
    assert float(noise.std()) == pytest.approx(1, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float((noise * plain.ys).mean()) == pytest.approx(0, abs=0.05)
    tree = shifted_prompts("decision-tree", "label-noise", seed=0, batch=4000, n=12, d=6)
    assert float(tree.ys.square().mean()) == pytest.approx(1, rel=0.05)


def test_quadrants_hold_the_context_but_not_the_query() -> None:
    prompts = linear("random-quadrants", batch=3000)
    signs = prompts.xs.sign()
    assert bool((signs == signs[:, :1]).all())
    assert float(signs[:, 0].mean(0).abs().max()) < 0.06, "every orthant is equally likely"
    agreement = (queries_of(prompts).xs.sign() == signs).float().mean()
    assert float(agreement) == pytest.approx(0.5, abs=0.01)
    assert float(prompts.xs.abs().mean()) == pytest.approx((2 / np.pi) ** 0.5, rel=0.01)


def test_orthogonal_queries_are_orthogonal_to_all_points_before_them() -> None:
    prompts = linear("orthogonal-query", n=12, d=6)
    queries = queries_of(prompts).xs
    assert queries.shape == prompts.xs.shape == (400, 6, 6), "no direction is left after d points"
    products = torch.einsum("bkd,bjd->bkj", queries, prompts.xs)
    for k in range(6):
        assert float(products[:, k, :k].abs().max() if k else 0) < 1e-4
    torch.testing.assert_close(queries.norm(dim=-1), torch.full((400, 6), 6**0.5))
    assert linear("orthogonal-query", n=4).xs.shape[1] == 4


def test_a_seen_query_is_a_point_of_its_own_prefix() -> None:
    prompts = linear("seen-query", batch=3000)
    queries = queries_of(prompts)
    same = (queries.xs[:, :, None] == prompts.xs[:, None]).all(-1)
    for k in range(1, 12):
        assert bool((same[:, k, :k].sum(-1) == 1).all())
        assert not bool(same[:, k, k:].any())
        chosen = same[:, k].int().argmax(-1)
        torch.testing.assert_close(queries.ys[:, k], prompts.ys.gather(1, chosen[:, None])[:, 0], atol=1e-4, rtol=0)
    assert not bool(same[:, 0].any())
    chances = same[:, 3, :3].float().mean(0)
    assert bool(((chances - 1 / 3).abs() < 0.04).all())


@pytest.mark.parametrize("shift", PLACING_SHIFTS)
def test_every_prefix_has_a_query_of_its_own(shift: Shift) -> None:
    prompts = linear(shift, batch=50, n=6)
    queries = queries_of(prompts).xs
    for k in range(6):
        assert not bool((queries[:, k] == prompts.xs[:, k]).all(-1).any()), "the query is not the next point"
    if shift != "seen-query":
        assert not bool((queries[:, 1:] == queries[:, :-1]).all(-1).any())


@pytest.mark.parametrize("place", [orthogonal_to_context, seen_before])
def test_a_query_depends_on_its_prefix_only(place: MoveInputs) -> None:
    xs = torch.randn(30, 5, 5, generator=generator(0, "x"))
    before = place(generator(1, "q"), xs)
    for k in range(5):
        moved = xs.clone()
        moved[:, k:] += 1
        after = place(generator(1, "q"), moved)
        torch.testing.assert_close(after[:, : k + 1], before[:, : k + 1])
