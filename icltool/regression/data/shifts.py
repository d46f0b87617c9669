"""Prompts under a shift: what changes between training and test (Garg et al. 2022, section 4 and appendix B).

A shift may move the inputs before the function is applied, move the targets after it, and place queries: then the
prediction after k points is asked at a point drawn for that k alone, and the prompt's own points are context only.
The functions are those of the unshifted prompts of the same seed, so that a shift changes nothing else.

Legend: B prompts, n points (m of them kept), d dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Float
from torch import Generator, Tensor

from icltool.core.seeding import generator
from icltool.regression.data.config import FunctionClass, Shift
from icltool.regression.data.function_classes import error_scale, sample_functions, sample_inputs
from icltool.regression.data.prompts import Prompts, Queries

Inputs = Float[Tensor, "B n d"]
Targets = Float[Tensor, "B n"]
NOISE_STD = 1.0
# The largest standard deviation that `x-scale-random` draws (report 000).
LARGEST_STD = 2.0

MoveInputs = Callable[[Generator, Tensor], Tensor]
# Given the generator, the targets and their variance before the shift.
MoveTargets = Callable[[Generator, Tensor, float], Tensor]


@dataclass(frozen=True, kw_only=True)
class ShiftRule:
    """How one shift acts; None leaves that part as it is.

    `queries` maps the (moved) context to a query for every prefix: entry k may depend on the points before k only.
    """

    inputs: MoveInputs | None = None
    targets: MoveTargets | None = None
    queries: MoveInputs | None = None


def shifted_prompts(task: FunctionClass, shift: Shift, *, seed: int, batch: int, n: int, d: int) -> Prompts:
    """The held-out prompts of a seed under a shift; `none` gives the prompts themselves.

    At most d points under `orthogonal-query`: beyond them no direction is left. Squared errors are divided by the
    class's `error_scale` as ever, so that predicting zero scores 1, but s² under y-scale s and, for a class whose
    targets grow with x, under x-scale s (`x-scale-random` draws one s ~ U(0, 2) for each seed).
    """
    rule = SHIFTS[shift]
    # In this order the functions drawn do not depend on the shift.
    functions, moves = generator(seed, "evaluation"), generator(seed, "shift", shift)
    xs = sample_inputs(functions, batch=batch, n=n, d=d, dims=d)
    if rule.inputs is not None:
        xs = rule.inputs(moves, xs)
    if rule.queries is None:
        prompts = sample_functions(task, functions, xs)
        if rule.targets is None:
            return prompts
        ys = rule.targets(moves, prompts.ys, error_scale(task, d=d))
        return Prompts(xs=xs, ys=ys, weights=prompts.weights)
    queries = rule.queries(moves, xs)
    both = sample_functions(task, functions, torch.cat([xs, queries], dim=1))
    context_ys, query_ys = both.ys.split(xs.shape[1], dim=1)
    return Prompts(xs=xs, ys=context_ys, weights=both.weights, queries=Queries(xs=queries, ys=query_ys))


def skewed_covariance(random: Generator, xs: Inputs) -> Inputs:
    """A covariance with eigenvalues ∝ 1/i² and trace d, its eigenvectors random for each prompt."""
    return _stretched(random, xs, 1 / torch.arange(1, xs.shape[-1] + 1))


def random_scale(random: Generator, xs: Inputs) -> Inputs:
    """All prompts of a seed scaled by one standard deviation ~ U(0, 2) (report 000's test prompts)."""
    return LARGEST_STD * torch.rand((), generator=random) * xs


def half_subspace(random: Generator, xs: Inputs) -> Inputs:
    """Inputs in a random subspace of d/2 dimensions (rounded down, at least 1), with covariance of trace d."""
    d = xs.shape[-1]
    return _stretched(random, xs, (torch.arange(d) < max(1, d // 2)).float())


def one_orthant(random: Generator, xs: Inputs) -> Inputs:
    """All points of a prompt in one random orthant."""
    batch, _, d = xs.shape
    return xs.abs() * _random_signs(random, batch, 1, d)


def fresh_inputs(random: Generator, xs: Inputs) -> Inputs:
    """A point N(0, I) for every prefix."""
    return torch.randn(xs.shape, generator=random)


def as_many_points_as_dimensions(_random: Generator, xs: Inputs) -> Float[Tensor, "B m d"]:
    """The first d points."""
    return xs[:, : xs.shape[-1]]


def orthogonal_to_context(random: Generator, xs: Inputs) -> Inputs:
    """For every prefix k < d a random point orthogonal to the k points before it, of norm √d."""
    n, d = xs.shape[1:]
    # The first k columns of Q span the first k points.
    basis = torch.linalg.qr(rearrange(xs.double(), "B n d -> B d n")).Q
    points = torch.randn(xs.shape, generator=random, dtype=torch.float64)
    before = torch.ones(n, n, dtype=torch.float64).tril(diagonal=-1)
    along = einsum(points, basis, before, "B k d, B d j, k j -> B k j")
    apart = points - einsum(along, basis, "B k j, B d j -> B k d")
    return (d**0.5 * apart / torch.linalg.vector_norm(apart, dim=-1, keepdim=True)).float()


def seen_before(random: Generator, xs: Inputs) -> Inputs:
    """For every prefix k one of its points, chosen at random; a fresh point N(0, I) for the empty one."""
    batch, n, d = xs.shape
    before = torch.arange(n).clamp(min=1)
    chosen = (torch.rand(batch, n, generator=random) * before).long().clamp(max=before - 1)
    queries = xs.gather(1, repeat(chosen, "B n -> B n d", d=d))
    queries[:, 0] = torch.randn(batch, d, generator=random)
    return queries


def label_noise(random: Generator, ys: Targets, variance: float) -> Targets:
    """Noise of standard deviation 1, the sum rescaled to the variance the targets had."""
    noisy = ys + NOISE_STD * torch.randn(ys.shape, generator=random)
    return noisy * (variance / (variance + NOISE_STD**2)) ** 0.5


def _scaled_inputs(scale: float) -> ShiftRule:
    return ShiftRule(inputs=lambda _random, xs: scale * xs)


def _scaled_targets(scale: float) -> ShiftRule:
    return ShiftRule(targets=lambda _random, ys, _variance: scale * ys)


def _stretched(random: Generator, xs: Inputs, lengths: Float[Tensor, "d"]) -> Inputs:
    """X ← X U diag(lengths) Uᵀ with a random rotation U for each prompt, the squared lengths rescaled to sum to d."""
    batch, _, d = xs.shape
    scaled = lengths.double() * (d / lengths.double().square().sum()).sqrt()
    axes = torch.linalg.qr(torch.randn(batch, d, d, generator=random, dtype=torch.float64)).Q
    return einsum(xs.double(), axes, scaled, axes, "B n i, B i k, k, B j k -> B n j").float()


def _random_signs(random: Generator, *shape: int) -> Tensor:
    return 2.0 * torch.randint(2, shape, generator=random) - 1.0


SHIFTS: dict[Shift, ShiftRule] = {
    "none": ShiftRule(),
    "skewed-covariance": ShiftRule(inputs=skewed_covariance),
    "half-subspace": ShiftRule(inputs=half_subspace),
    "x-scale-1/3": _scaled_inputs(1 / 3),
    "x-scale-1/2": _scaled_inputs(1 / 2),
    "x-scale-2": _scaled_inputs(2.0),
    "x-scale-3": _scaled_inputs(3.0),
    "x-scale-random": ShiftRule(inputs=random_scale),
    "y-scale-1/3": _scaled_targets(1 / 3),
    "y-scale-1/2": _scaled_targets(1 / 2),
    "y-scale-2": _scaled_targets(2.0),
    "y-scale-3": _scaled_targets(3.0),
    "label-noise": ShiftRule(targets=label_noise),
    "random-quadrants": ShiftRule(inputs=one_orthant, queries=fresh_inputs),
    "orthogonal-query": ShiftRule(inputs=as_many_points_as_dimensions, queries=orthogonal_to_context),
    "seen-query": ShiftRule(queries=seen_before),
}
