"""The five function classes (Garg et al. 2022, section 3; Yang et al. 2023, section 5), batched over prompts.

x ~ N(0, I_d). Under the curriculum only the first `dims` coordinates of x (and of w) are used, the others are zero.
Each class's squared error is divided by `error_scale`, the variance of its targets, so that predicting zero scores 1.

Legend: B prompts, n points, d dimensions, h hidden units, k depth of the tree.
"""

from collections.abc import Callable

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from torch import Generator, Tensor

from icltool.regression.data.config import FunctionClass
from icltool.regression.data.prompts import Prompts

NOISE_STD = 0.1
SPARSITY = 3
HIDDEN_UNITS = 100
TREE_DEPTH = 4

Inputs = Float[Tensor, "B n d"]
# Given the generator, the inputs and how many coordinates are in use: the prompts of fresh random functions.
FunctionSampler = Callable[[Generator, Tensor, int], Prompts]


def sample_prompts(
    task: FunctionClass,
    generator: Generator,
    *,
    batch: int,
    n: int,
    d: int,
    dims: int | None = None,
) -> Prompts:
    """Fresh prompts: `batch` random functions of the class, each at `n` random points.

    `dims` (default d) is how many coordinates are in use.
    """
    used = d if dims is None else dims
    xs = sample_inputs(generator, batch=batch, n=n, d=d, dims=used)
    return sample_functions(task, generator, xs, dims=used)


def sample_inputs(generator: Generator, *, batch: int, n: int, d: int, dims: int) -> Inputs:
    """X ~ N(0, I) in the first `dims` coordinates, zero in the others."""
    xs = torch.zeros(batch, n, d)
    xs[..., :dims] = torch.randn(batch, n, dims, generator=generator)
    return xs


def sample_functions(task: FunctionClass, generator: Generator, xs: Inputs, *, dims: int | None = None) -> Prompts:
    """Random functions of the class, evaluated at given inputs (which a shift may have moved)."""
    return SAMPLERS[task](generator, xs, xs.shape[-1] if dims is None else dims)


def error_scale(task: FunctionClass, *, d: int) -> float:
    """What a squared error is divided by: the variance of the class's targets."""
    return SCALES[task](d)


def _linear(generator: Generator, xs: Inputs, dims: int) -> Prompts:
    """Y = w·x, w ~ N(0, I)."""
    weights = _gaussian_weights(generator, xs, dims)
    return Prompts(xs=xs, ys=einsum(weights, xs, "B d, B n d -> B n"), weights=weights)


def _noisy_linear(generator: Generator, xs: Inputs, dims: int) -> Prompts:
    """Y = w·x + N(0, 0.1²)."""
    clean = _linear(generator, xs, dims)
    noise = NOISE_STD * torch.randn(clean.ys.shape, generator=generator)
    return Prompts(xs=xs, ys=clean.ys + noise, weights=clean.weights)


def _sparse_linear(generator: Generator, xs: Inputs, dims: int) -> Prompts:
    """Y = w·x where w keeps 3 random coordinates of those in use (all of them when fewer are)."""
    dense = _gaussian_weights(generator, xs, dims)
    lottery = torch.rand(dense.shape, generator=generator)
    lottery[:, dims:] = -1.0
    winners = lottery.topk(min(SPARSITY, dims), dim=-1).indices
    weights = torch.zeros_like(dense).scatter(-1, winners, dense.gather(-1, winners))
    return Prompts(xs=xs, ys=einsum(weights, xs, "B d, B n d -> B n"), weights=weights)


def _relu_network(generator: Generator, xs: Inputs, _dims: int) -> Prompts:
    """Y = √(2/h) w₂·relu(W₁x), h = 100, all weights N(0, 1)."""
    batch, _, d = xs.shape
    first = torch.randn(batch, HIDDEN_UNITS, d, generator=generator)
    second = torch.randn(batch, HIDDEN_UNITS, generator=generator)
    hidden = einsum(first, xs, "B h d, B n d -> B n h").relu()
    ys = (2 / HIDDEN_UNITS) ** 0.5 * einsum(second, hidden, "B h, B n h -> B n")
    return Prompts(xs=xs, ys=ys)


def _decision_tree(generator: Generator, xs: Inputs, dims: int) -> Prompts:
    """A full tree of depth 4: each node asks whether a random coordinate in use is positive; leaves are N(0, 1)."""
    batch = xs.shape[0]
    coordinates = torch.randint(dims, (batch, 2**TREE_DEPTH - 1), generator=generator)
    leaves = torch.randn(batch, 2**TREE_DEPTH, generator=generator)
    return Prompts(xs=xs, ys=leaves.gather(-1, _leaf_index(xs, coordinates)))


def _leaf_index(xs: Inputs, coordinates: Int[Tensor, "B nodes"]) -> Int[Tensor, "B n"]:
    """The leaf each point falls in. Nodes lie in heap order: the children of node i are 2i + 1 (x ≤ 0) and 2i + 2."""
    node = torch.zeros(xs.shape[:2], dtype=torch.long)
    for _ in range(TREE_DEPTH):
        coordinate = rearrange(coordinates.gather(-1, node), "B n -> B n 1")
        positive = rearrange(xs.gather(-1, coordinate), "B n 1 -> B n") > 0
        node = 2 * node + 1 + positive.long()
    return node - (2**TREE_DEPTH - 1)


def _gaussian_weights(generator: Generator, xs: Inputs, dims: int) -> Float[Tensor, "B d"]:
    weights = torch.zeros(xs.shape[0], xs.shape[-1])
    weights[:, :dims] = torch.randn(xs.shape[0], dims, generator=generator)
    return weights


SAMPLERS: dict[FunctionClass, FunctionSampler] = {
    "linear-regression": _linear,
    "noisy-linear-regression": _noisy_linear,
    "sparse-linear-regression": _sparse_linear,
    "relu-2nn": _relu_network,
    "decision-tree": _decision_tree,
}

# The variance of each class's targets at d coordinates: of w·x it is the number of weights that are not zero.
SCALES: dict[FunctionClass, Callable[[int], float]] = {
    "linear-regression": float,
    "noisy-linear-regression": float,
    "sparse-linear-regression": lambda d: float(min(SPARSITY, d)),
    "relu-2nn": float,
    "decision-tree": lambda _d: 1.0,
}
