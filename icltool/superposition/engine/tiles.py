"""Sort the tiles of (feature, sample) pairs of the toy ReLU model into empty, full and mixed ones.

A pair is active when its pre-activation z = p · q is positive, with p = (w, b) and q = (h, 1). Features and samples are
put in an order in which neighbours are close, and cut into blocks; a tile is a block of features times a block of
samples. Boxes around the rows of a block bound z: over a box of features and a box of samples, with centres c and half
extents e, it lies within c_p · c_q ∓ (|c_p| · e_q + e_p · (|c_q| + e_q)). By these bounds a tile is empty (no pair is
active), full (every pair is: r = relu(z) = z has a closed form) or mixed (it is evaluated). The bounds are computed
from the current parameters at every step, so nothing is approximated. Only the order is older, and a bad order costs
time alone.

Here views take the place of einops patterns: with few samples a step is many small operations, and a pattern costs as
much as one of them.

Legend: F parameter rows (features of all runs and one zero row at the end), S hidden rows (samples of all runs and
one zero row at the end), k = m + 1 coordinates, J blocks of B features, I blocks of C samples.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

BLOCK = 64  # features in a tile: few enough to follow the active region, enough for a matrix product
_SAMPLES = 128  # samples in a tile at most: enough for a fast product; sums over more samples are made in float64
_BOX = 8  # rows in one box
_CHUNK = 1 << 20  # bounds held at once: 4 MiB in float32


@dataclass(frozen=True)
class Blocks:
    """Rows of a table in blocks, with the boxes around every eight of them; the zero row pads the last block."""

    rows: Int[Tensor, "padded"]
    points: Float[Tensor, "blocks k size"]
    centre: Float[Tensor, "boxes k"]  # the boxes of a block are consecutive
    extent: Float[Tensor, "boxes k"]

    @classmethod
    def of(
        cls,
        table: Float[Tensor, "N k"],
        rows: Int[Tensor, "padded"],
        *,
        size: int,
        reach: Float[Tensor, "k"] | None = None,
    ) -> "Blocks":
        """The blocks that these rows of the table make, with their current values.

        With `reach` the boxes are those of the rows scaled by `to_unit_size`; boxes of features get smaller by it.
        """
        points = table.index_select(0, rows)
        boxed = points if reach is None else to_unit_size(points, reach)
        low, high = boxed.view(-1, _BOX, boxed.shape[1]).aminmax(dim=1)
        centre = (low + high) / 2
        across = points.view(-1, size, points.shape[1]).mT.contiguous()
        return cls(rows, across, centre, high - centre)


def to_unit_size(parameters: Float[Tensor, "N k"], reach: Float[Tensor, "k"]) -> Float[Tensor, "N k"]:
    """(w, b) / (|w| . max|h| + |b|), with `reach` = max |(h, 1)| over the samples.

    The signs of z stay the same, and features whose signs agree on most samples come near one another.
    """
    size = parameters.abs() @ reach
    return parameters / size.clamp_min(torch.finfo(size.dtype).tiny ** 0.5)[:, None]


@dataclass(frozen=True)
class Tiles:
    """The tiles that are not empty."""

    features: Blocks
    samples: Blocks
    mixed_features: Int[Tensor, "tiles"]  # the feature block of every mixed tile, ascending
    mixed_samples: Int[Tensor, "tiles"]  # and its sample block
    full: Float[Tensor, "J I"] | None  # 1 where every pair is active, else 0; None if there is no such tile


def find_tiles(features: Blocks, samples: Blocks, *, same_run: Bool[Tensor, "J I"] | None) -> Tiles:
    """The tiles in which some pair can be active; `same_run` marks those whose two blocks belong to one run."""
    upper, lower = _bounds(features, samples)
    reachable, full = upper > 0, lower > 0
    if same_run is not None:
        reachable &= same_run
        full &= same_run
    mixed_features, mixed_samples = (reachable & ~full).nonzero(as_tuple=True)
    closed_form = full.to(features.points.dtype) if bool(full.any()) else None
    return Tiles(features, samples, mixed_features, mixed_samples, closed_form)


def highest(parameters: Float[Tensor, "N k"], samples: Blocks) -> Float[Tensor, "N"]:
    """An upper bound of each feature's z over all samples, for any m: the largest of the bounds over the boxes."""
    right, _ = _sample_side(samples)
    k = parameters.shape[1]
    left = torch.cat([parameters, parameters.abs()], 1)
    rows = max(1, _CHUNK // right.shape[1])
    return torch.cat([(part @ right[: 2 * k]).amax(1) for part in left.split(rows)])


def _sample_side(samples: Blocks) -> tuple[Float[Tensor, "three_k boxes"], Float[Tensor, "three_k boxes"]]:
    """What a feature's (c, |c|, e) is multiplied by for the upper and for the lower bound of z."""
    reach = samples.centre.abs() + samples.extent
    # How much rounding can add to a bound or to a computed z, as a multiple of |p| . |q|.
    rounding = 8 * (reach.shape[1] + 2) * torch.finfo(reach.dtype).eps
    of_centre = samples.extent + rounding * reach
    of_extent = reach * (1 + rounding)
    upper = torch.cat([samples.centre, of_centre, of_extent], 1)
    lower = torch.cat([samples.centre, -of_centre, -of_extent], 1)
    return upper.mT, lower.mT


def _bounds(features: Blocks, samples: Blocks) -> tuple[Float[Tensor, "J I"], Float[Tensor, "J I"]]:
    """The upper and the lower bound of z over every tile, a few feature blocks at a time."""
    sample_blocks = len(samples.points)
    left = torch.cat([features.centre, features.centre.abs(), features.extent], 1)
    boxes = BLOCK // _BOX
    above, below = _sample_side(samples)
    at_once = max(1, _CHUNK // (boxes * above.shape[1])) * boxes
    upper = [_extreme(part @ above, "max", boxes=boxes, blocks=sample_blocks) for part in left.split(at_once)]
    lower = [_extreme(part @ below, "min", boxes=boxes, blocks=sample_blocks) for part in left.split(at_once)]
    return torch.cat(upper), torch.cat(lower)


def _extreme(
    bound: Float[Tensor, "rows columns"], extreme: Literal["min", "max"], *, boxes: int, blocks: int
) -> Float[Tensor, "J I"]:
    """The extreme over a tile's boxes; first over the outer dimension, along which torch's reduction is vectorised."""
    J, N = len(bound) // boxes, bound.shape[1]
    if extreme == "max":
        return bound.view(J, boxes, N).amax(1).view(J, blocks, N // blocks).amax(2)
    return bound.view(J, boxes, N).amin(1).view(J, blocks, N // blocks).amin(2)


def nearby_order(points: Float[Tensor, "N d"]) -> Int[Tensor, "N"]:
    """An order in which neighbours are near one another: along the Z-order curve of the first 60 coordinates."""
    points = points[:, :60]
    dimensions = points.shape[1]
    bits = min(10, 60 // dimensions)
    low, high = points.aminmax(dim=0)
    cells = ((points - low) / (high - low).clamp_min(torch.finfo(points.dtype).tiny) * (2**bits - 1)).long()
    cells = cells.mT.contiguous()
    code = torch.zeros_like(cells[0])
    for bit in range(bits):
        for dimension in range(dimensions):
            code |= ((cells[dimension] >> bit) & 1) << (bit * dimensions + dimension)
    return torch.argsort(code, stable=True)


def sample_block_size(most: int) -> int:
    """The smallest multiple of a box's size that holds `most` samples in as few blocks as the largest size does."""
    blocks = -(-most // _SAMPLES)
    return -(-most // (blocks * _BOX)) * _BOX


def fill_blocks(order: Int[Tensor, "N"], *, size: int, zero_row: int) -> Int[Tensor, "padded"]:
    """The order, its last block filled up with the zero row, which contributes exactly nothing."""
    return torch.nn.functional.pad(order, (0, -len(order) % size), value=zero_row)
