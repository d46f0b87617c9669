"""Classical learners as oracles: what they predict at every query of a prompt from the points before it.

Each takes prompts and returns predictions [B, n] at the prompt's queries (its own points unless a shift placed others);
with no point seen, zero. All are batched over prompts.

Legend: B prompts, n points, d dimensions.
Source: Garg et al. 2022 (arXiv 2208.01066), appendix A.
"""

from collections.abc import Callable

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from icltool.regression.data.prompts import Prompts

Predictions = Float[Tensor, "B n"]
Baseline = Callable[[Prompts], Predictions]

NEIGHBOURS = 3
RIDGE_PENALTY = 1e-2

# Squared lengths, as shares of |x|²: below the first a point lies in the span of the earlier ones (up to rounding),
# below the second it is too near to it for the recursion to keep enough digits.
DEPENDENT_SHARE = 1e-24
DELICATE_SHARE = 1e-6
TINY = 1e-300


def zero(prompts: Prompts) -> Predictions:
    """Always 0: what the error is normalised by."""
    return torch.zeros_like(prompts.query_ys)


def averaging(prompts: Prompts) -> Predictions:
    """W = mean of y·x over the points seen (one step of gradient descent from zero)."""
    weights = _prefix_sums(einsum(prompts.ys, prompts.xs, "B n, B n d -> B n d"))
    seen = torch.arange(prompts.ys.shape[1], device=weights.device).clamp(min=1)
    return einsum(weights, prompts.query_xs, "B n d, B n d -> B n") / seen


def nearest_neighbours(prompts: Prompts) -> Predictions:
    """The mean y of the 3 seen points nearest to the query (of all seen points while there are fewer)."""
    n = prompts.ys.shape[1]
    distances = torch.cdist(prompts.query_xs, prompts.xs)
    seen = torch.ones(n, n, dtype=torch.bool, device=distances.device).tril(diagonal=-1)
    nearest = distances.masked_fill(~seen, torch.inf).topk(min(NEIGHBOURS, n), dim=-1, largest=False)
    usable = nearest.values.isfinite()
    flat = rearrange(nearest.indices, "B n k -> B (n k)")
    ys = rearrange(prompts.ys.gather(1, flat), "B (n k) -> B n k", n=n)
    return (ys * usable).sum(-1) / usable.sum(-1).clamp(min=1)


def least_squares(prompts: Prompts) -> Predictions:
    """The least-squares solution of minimum norm, in float64.

    Greville's recursion adds a point to all prompts at once: along c, the part of x outside the span of the earlier
    points, the new residual is removed without touching theirs; without such a part it is recursive least squares.
    Prompts with a nearly dependent point are solved by LAPACK, whose notion of rank then holds.
    """
    xs, ys = prompts.xs.double(), prompts.ys.double()
    batch, n, d = xs.shape
    weights = xs.new_zeros(batch, d)
    outside = repeat(torch.eye(d, dtype=xs.dtype, device=xs.device), "i j -> B i j", B=batch).clone()
    inverse = torch.zeros_like(outside)  # the pseudo-inverse of XᵀX
    delicate = torch.zeros(batch, 1, dtype=torch.bool, device=xs.device)
    found = xs.new_zeros(batch, n)
    for seen in range(1, n):
        x = xs[:, seen - 1]
        c = einsum(outside, x, "B i j, B j -> B i")
        share = c.square().sum(-1, keepdim=True) / x.square().sum(-1, keepdim=True).clamp(min=TINY)
        independent = share > DEPENDENT_SHARE
        delicate |= independent & (share < DELICATE_SHARE)
        c = torch.where(independent, c, 0.0)
        v = einsum(inverse, x, "B i j, B j -> B i")
        leverage = 1 + (x * v).sum(-1, keepdim=True)
        gain = torch.where(independent, c / c.square().sum(-1, keepdim=True).clamp(min=TINY), v / leverage)
        surprise = ys[:, seen - 1 : seen] - (weights * x).sum(-1, keepdim=True)
        weights = weights + gain * surprise
        outside -= einsum(c, gain, "B i, B j -> B i j")
        inverse -= einsum(v, gain, "B i, B j -> B i j")
        inverse += einsum(gain, leverage * gain - v, "B i, B j -> B i j")
        found[:, seen] = einsum(weights, prompts.query_xs[:, seen].double(), "B d, B d -> B")
    rows = rearrange(delicate, "B 1 -> B")
    if bool(rows.any()):
        found[rows] = _least_squares_by_lapack(xs[rows], ys[rows], prompts.query_xs[rows].double())
    return found.float()


def _least_squares_by_lapack(
    xs: Float[Tensor, "B n d"], ys: Float[Tensor, "B n"], queries: Float[Tensor, "B n d"]
) -> Float[Tensor, "B n"]:
    found = torch.zeros_like(ys)
    targets = rearrange(ys, "B n -> B n 1").cpu()
    for seen in range(1, ys.shape[1]):
        # gelsd gives the minimum-norm solution whatever the rank; it exists on the CPU only.
        solution = torch.linalg.lstsq(xs[:, :seen].cpu(), targets[:, :seen], driver="gelsd").solution
        found[:, seen] = einsum(rearrange(solution.to(xs.device), "B d 1 -> B d"), queries[:, seen], "B d, B d -> B")
    return found


def ridge(prompts: Prompts, *, penalty: float = RIDGE_PENALTY) -> Predictions:
    """W = (XᵀX + λI)⁻¹ Xᵀy over the points seen, in float64."""
    xs, ys = prompts.xs.double(), prompts.ys.double()
    gram = _prefix_sums(einsum(xs, xs, "B n i, B n j -> B n i j"))
    moment = _prefix_sums(einsum(ys, xs, "B n, B n d -> B n d"))
    identity = torch.eye(xs.shape[-1], dtype=xs.dtype, device=xs.device)
    weights = torch.linalg.solve(gram + penalty * identity, moment)
    return einsum(weights, prompts.query_xs.double(), "B n d, B n d -> B n").float()


def _prefix_sums(values: Float[Tensor, "B n *rest"]) -> Float[Tensor, "B n *rest"]:
    """At point i the sum over the points before it."""
    return values.cumsum(dim=1) - values


BASELINES: dict[str, Baseline] = {
    "least squares": least_squares,
    "ridge": ridge,
    "averaging": averaging,
    "3-nearest neighbours": nearest_neighbours,
}
