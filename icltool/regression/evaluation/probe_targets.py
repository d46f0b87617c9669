"""The vectors a probe decodes, for all prefixes of all prompts at once, computed in float64.

The first i points are the rows of X_i and the entries of y_i; n is the whole prompt.

    Xy      X_iᵀ y_i / n                          i = 1..n
    Wols    X_iᵀ (X_i X_iᵀ)⁻¹ y_i                 i = 1..min(d, n): the solution of minimum norm
    ridge   X_iᵀ (X_i X_iᵀ + λI)⁻¹ y_i            i = 1..n
    gd:K    K steps from 0 on the mean squared error of the prefix, of size 1 / its largest curvature; i = 1..n
    w       the function's own weights            once

Wols and ridge share one idea. With X Xᵀ (+ λI) = L Lᵀ, Q = L⁻¹X and c = L⁻¹y, the factor of a prefix is a leading
block of L, so row j of Q and entry j of c are the same for all prefixes that contain it: the solution of prefix i is
Σ_{j≤i} c_j q_j, a running sum. For Wols, L comes from a QR of Xᵀ, which keeps the digits that X Xᵀ would lose.

Legend: B prompts, n points, d dimensions, k prefixes, m = min(d, n).
Source: Yang et al. 2023 (arXiv 2311.12424), section 5.3 (Xy and Wols); the others are ours.
"""

from pkgutil import resolve_name

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from icltool.core.errors import UsageError
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.config import ProbeTargetConfig

Inputs = Float[Tensor, "B n d"]
Values = Float[Tensor, "B n"]
Targets = Float[Tensor, "B k d"]


def probe_targets(prompts: Prompts, config: ProbeTargetConfig) -> Float[Tensor, "k B d"]:
    """The target of each prefix in `config.prefixes`, in float32.

    Computed on the CPU, where sums have one order. Raises `UsageError` for a target that the functions do not have, or
    that is not in `TARGETS`.
    """
    targets: Targets = resolve_name(config.kind.compute)(prompts, config)
    expected = len(config.prefixes(n=prompts.ys.shape[1], d=prompts.xs.shape[2]))
    if targets.shape[1] != expected:
        raise UsageError(
            f"the target {config.target} is computed for {targets.shape[1]} prefixes, and its entry in TARGETS names "
            f"{expected}; make them agree"
        )
    return rearrange(targets, "B k d -> k B d").float().to(prompts.xs.device)


def wols_targets(prompts: Prompts, _config: ProbeTargetConfig) -> Targets:
    """Least squares of minimum norm."""
    return min_norm(*_in_float64(prompts))


def xy_targets(prompts: Prompts, _config: ProbeTargetConfig) -> Targets:
    """The sum of y·x over n."""
    xs, ys = _in_float64(prompts)
    return moments(xs, ys) / ys.shape[1]


def ridge_targets(prompts: Prompts, config: ProbeTargetConfig) -> Targets:
    """Ridge regression with the settings' penalty."""
    return ridge(*_in_float64(prompts), penalty=config.penalty)


def descent_targets(prompts: Prompts, config: ProbeTargetConfig) -> Targets:
    """Gradient descent after the K steps of the settings."""
    return gradient_descent(*_in_float64(prompts), steps=config.count)


def weight_targets(prompts: Prompts, _config: ProbeTargetConfig) -> Targets:
    """The functions' own weights; raises `UsageError` where they have none."""
    if prompts.weights is None:
        raise UsageError("the target w needs functions with weights; take a linear --task, or another --target")
    return rearrange(prompts.weights.cpu().double(), "B d -> B 1 d")


def _in_float64(prompts: Prompts) -> tuple[Inputs, Values]:
    return prompts.xs.cpu().double(), prompts.ys.cpu().double()


def moments(xs: Inputs, ys: Values) -> Targets:
    """X_iᵀ y_i = Σ_{j≤i} y_j x_j, i = 1..n."""
    return einsum(ys, xs, "B n, B n d -> B n d").cumsum(1)


def min_norm(xs: Inputs, ys: Values) -> Targets:
    """The least-squares solution of minimum norm, i = 1..min(d, n), for points in general position."""
    used = min(xs.shape[1:])
    rows, values = xs[:, :used], ys[:, :used]
    directions, factor = torch.linalg.qr(rearrange(rows, "B m d -> B d m"))
    lower = rearrange(factor, "B i j -> B j i")
    column = rearrange(values, "B m -> B m 1")
    coordinates = rearrange(torch.linalg.solve_triangular(lower, column, upper=False), "B m 1 -> B m")
    return einsum(coordinates, directions, "B m, B d m -> B m d").cumsum(1)


def ridge(xs: Inputs, ys: Values, *, penalty: float) -> Targets:
    """The minimiser of |X_i w - y_i|² + penalty |w|², i = 1..n."""
    n = ys.shape[1]
    kernel = einsum(xs, xs, "B i d, B j d -> B i j") + penalty * torch.eye(n, dtype=xs.dtype, device=xs.device)
    lower = torch.linalg.cholesky(kernel)
    both = torch.cat([xs, rearrange(ys, "B n -> B n 1")], dim=-1)
    solved = torch.linalg.solve_triangular(lower, both, upper=False)
    return einsum(solved[..., -1], solved[..., :-1], "B n, B n d -> B n d").cumsum(1)


def gradient_descent(xs: Inputs, ys: Values, *, steps: int) -> Targets:
    """The iterate after `steps` steps from 0 on the mean squared error of the prefix, i = 1..n.

    The step size is 1 / λ_max of the error's Hessian 2 X_iᵀX_i / i, so that no direction overshoots. In the eigenbasis
    of X_iᵀX_i = V diag(s) Vᵀ the iterate is V diag((1 - (1 - s/s_max)^steps) / s) Vᵀ X_iᵀy_i, whatever `steps`.
    """
    gram = einsum(xs, xs, "B n i, B n j -> B n i j").cumsum(1)
    values, vectors = torch.linalg.eigh(gram)
    largest = repeat(values[..., -1], "B n -> B n d", d=xs.shape[-1]).clamp(min=torch.finfo(xs.dtype).tiny)
    part = (values / largest).clamp(min=0.0, max=1.0)
    done = -torch.expm1(steps * torch.log1p(-part))
    # As s → 0 the factor goes to steps / s_max; below rounding the division would say anything.
    flat = part < torch.finfo(xs.dtype).eps
    factor = torch.where(flat, float(steps), done / torch.where(flat, 1.0, part)) / largest
    along = einsum(vectors, moments(xs, ys), "B n d e, B n d -> B n e")
    return einsum(vectors, factor * along, "B n d e, B n e -> B n d")
