"""Classical learners as oracles: what they predict at every point of a prompt from the points before it.

Each takes prompts and returns predictions [B, n]; with no point seen, zero. All are batched over prompts.

Legend: B prompts, n points, d dimensions.
Source: Garg et al. 2022 (arXiv 2208.01066), appendix A.
"""

from collections.abc import Callable

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from icltool.data.prompts import Prompts

Predictions = Float[Tensor, "B n"]
Baseline = Callable[[Prompts], Predictions]

NEIGHBOURS = 3
RIDGE_PENALTY = 1e-2


def zero(prompts: Prompts) -> Predictions:
    """Always 0: what the error is normalised by."""
    return torch.zeros_like(prompts.ys)


def averaging(prompts: Prompts) -> Predictions:
    """W = mean of y·x over the points seen (one step of gradient descent from zero)."""
    weights = _prefix_sums(einsum(prompts.ys, prompts.xs, "B n, B n d -> B n d"))
    seen = torch.arange(prompts.ys.shape[1], device=weights.device).clamp(min=1)
    return einsum(weights, prompts.xs, "B n d, B n d -> B n") / seen


def nearest_neighbours(prompts: Prompts) -> Predictions:
    """The mean y of the 3 seen points nearest to x (of all seen points while there are fewer)."""
    n = prompts.ys.shape[1]
    distances = torch.cdist(prompts.xs, prompts.xs)
    seen = torch.ones(n, n, dtype=torch.bool, device=distances.device).tril(diagonal=-1)
    nearest = distances.masked_fill(~seen, torch.inf).topk(min(NEIGHBOURS, n), dim=-1, largest=False)
    usable = nearest.values.isfinite()
    flat = rearrange(nearest.indices, "B n k -> B (n k)")
    ys = rearrange(prompts.ys.gather(1, flat), "B (n k) -> B n k", n=n)
    return (ys * usable).sum(-1) / usable.sum(-1).clamp(min=1)


def least_squares(prompts: Prompts) -> Predictions:
    """The least-squares solution of minimum norm, in float64."""
    xs, ys = prompts.xs.double(), rearrange(prompts.ys.double(), "B n -> B n 1")
    predictions = torch.zeros_like(prompts.ys)
    for seen in range(1, prompts.ys.shape[1]):
        # gelsd gives the minimum-norm solution whatever the rank; it exists on the CPU only.
        solution = torch.linalg.lstsq(xs[:, :seen].cpu(), ys[:, :seen].cpu(), driver="gelsd").solution
        predictions[:, seen] = einsum(
            rearrange(solution.to(xs.device), "B d 1 -> B d"), xs[:, seen], "B d, B d -> B"
        ).float()
    return predictions


def ridge(prompts: Prompts, *, penalty: float = RIDGE_PENALTY) -> Predictions:
    """W = (XᵀX + λI)⁻¹ Xᵀy over the points seen, in float64."""
    xs, ys = prompts.xs.double(), prompts.ys.double()
    gram = _prefix_sums(einsum(xs, xs, "B n i, B n j -> B n i j"))
    moment = _prefix_sums(einsum(ys, xs, "B n, B n d -> B n d"))
    identity = torch.eye(xs.shape[-1], dtype=xs.dtype, device=xs.device)
    weights = torch.linalg.solve(gram + penalty * identity, moment)
    return einsum(weights, xs, "B n d, B n d -> B n").float()


def _prefix_sums(values: Float[Tensor, "B n *rest"]) -> Float[Tensor, "B n *rest"]:
    """At point i the sum over the points before it."""
    return values.cumsum(dim=1) - values


BASELINES: dict[str, Baseline] = {
    "least squares": least_squares,
    "ridge": ridge,
    "averaging": averaging,
    "3-nearest neighbours": nearest_neighbours,
}
