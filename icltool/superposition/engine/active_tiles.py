"""Find the tiles to evaluate for the current parameters: drop dead features and put the others into blocks.

A feature is dead when z <= 0 for every sample; it contributes nothing. An upper bound of its z over all samples shows
that. For m = 2 the bound comes from the convex hull of the hidden vectors, for other m from the boxes around the
samples (`tiles`). The hull is known by its support s_d = max_t u_d · h_t in D directions u_d, computed once a step. A
sector is the angle between two neighbouring directions. A feature's w in it is a u_d + b u_{d+1} with a, b >= 0, so w ·
h <= a s_d + b s_{d+1} for every sample. When w has left its sector a coefficient is negative; then the support in the
opposite direction takes the place of s, and the bound still holds.

Legend: see `tiles`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icltool.superposition.engine.tiles import (
    BLOCK,
    Blocks,
    Tiles,
    fill_blocks,
    find_tiles,
    highest,
    nearby_order,
    sample_block_size,
    to_unit_size,
)

_DIRECTIONS = 128  # even: direction d + D/2 is the opposite of d
_AT_ONCE = 1 << 13  # samples whose products with all directions are held at once


@dataclass(frozen=True)
class Sectors:
    """The sector of every feature's w. When w leaves it, the bounds get looser but stay valid."""

    u: Float[Tensor, "D 2"]
    direction: Int[Tensor, "2 n"]
    inverse: tuple[Float[Tensor, "2 n"], Float[Tensor, "2 n"]]  # the coefficients are inverse[0] w_0 + inverse[1] w_1

    @classmethod
    def of(cls, weights: Float[Tensor, "n 2"]) -> "Sectors":
        """The sectors of these weights."""
        angle = torch.arange(_DIRECTIONS, dtype=torch.float64, device=weights.device) * (2 * math.pi / _DIRECTIONS)
        u = torch.stack([angle.cos(), angle.sin()], 1)
        turn = torch.atan2(weights[:, 1], weights[:, 0]) * (_DIRECTIONS / (2 * math.pi))
        first = turn.nan_to_num().floor().long() % _DIRECTIONS
        second = (first + 1) % _DIRECTIONS
        # Cramer's rule: a = (w x u_second) / (u_first x u_second) and b = (u_first x w) / (u_first x u_second). The
        # denominator is the sine of a sector's angle, the same for all.
        wide = math.sin(2 * math.pi / _DIRECTIONS)
        along_x = torch.stack([u[second, 1], -u[first, 1]]) / wide
        along_y = torch.stack([-u[second, 0], u[first, 0]]) / wide
        inverse = along_x.to(weights.dtype), along_y.to(weights.dtype)
        return cls(u.to(weights.dtype), torch.stack([first, second]), inverse)


def highest_by_sector(
    parameters: Float[Tensor, "n 3"], hidden: Float[Tensor, "T 3"], *, sectors: Sectors
) -> Float[Tensor, "n"]:
    """An upper bound of w_j · h_t + b_j over all samples, for every feature."""
    parts = [(sectors.u @ h[:, :2].mT).amax(1) for h in hidden.split(_AT_ONCE)]
    support = parts[0] if len(parts) == 1 else torch.stack(parts).amax(0)
    largest = support.abs().amax()
    x, y, b = parameters.unbind(1)
    coefficients = torch.addcmul(sectors.inverse[0] * x, sectors.inverse[1], y)
    # Direction d or, for a negative coefficient, d + D/2. The table is half as long again, so no index wraps around.
    direction = torch.add(sectors.direction, coefficients < 0, alpha=_DIRECTIONS // 2)
    table = torch.cat([support, support[: _DIRECTIONS // 2]])
    # A margin for rounding errors of the coefficients and products; the entries of the inverse are about 20.
    rounding = 256 * torch.finfo(hidden.dtype).eps
    size = coefficients.abs_()
    reached = table.index_select(0, direction.flatten()).view_as(size).add_(rounding * largest)
    return torch.addcmul(b + rounding * b.abs(), size[0], reached[0]).addcmul_(size[1], reached[1])


@dataclass(frozen=True)
class RunRows:
    """The rows of one run's features and samples in the tables of all runs."""

    features: slice
    samples: slice


class Regions:
    """An order of features and samples in which neighbours are close, made from `reference` parameters.

    It serves many steps: an order that has become old costs time, but changes no result beyond rounding.
    """

    def __init__(
        self, parameters: Float[Tensor, "F k"], hidden: Float[Tensor, "S k"], *, runs: Sequence[RunRows]
    ) -> None:
        self.reference = parameters.clone()
        self._runs = runs
        self._size = sample_block_size(max(run.samples.stop - run.samples.start for run in runs))
        reach = hidden.abs().amax(0)
        alike = to_unit_size(parameters, reach) * reach
        self._features: list[Tensor] = []
        self._sectors: list[Sectors] = []
        sample_rows: list[Tensor] = []
        for run in runs:
            order = nearby_order(hidden[run.samples, :-1]) + run.samples.start
            sample_rows.append(fill_blocks(order, size=self._size, zero_row=len(hidden) - 1))
            self._features.append(nearby_order(alike[run.features]))
            if parameters.shape[1] == 3:
                self._sectors.append(Sectors.of(parameters[run.features, :2]))
        self._samples = torch.cat(sample_rows)
        self._sample_counts = [len(rows) for rows in sample_rows]

    def tiles(self, parameters: Float[Tensor, "F k"], hidden: Float[Tensor, "S k"]) -> Tiles:
        """The tiles that can be active for these parameters and hidden vectors. No tile mixes two runs."""
        samples = Blocks.of(hidden, self._samples, size=self._size)
        alive = [self._alive(run, parameters, hidden) for run in range(len(self._runs))]
        features = Blocks.of(parameters, torch.cat(alive), size=BLOCK, reach=hidden.abs().amax(0))
        same_run = None
        if len(alive) > 1:
            blocks = [
                torch.ones(len(rows) // BLOCK, count // self._size, device=hidden.device)
                for rows, count in zip(alive, self._sample_counts, strict=True)
            ]
            same_run = torch.block_diag(*blocks) > 0
        return find_tiles(features, samples, same_run=same_run)

    def _alive(self, run: int, parameters: Float[Tensor, "F k"], hidden: Float[Tensor, "S k"]) -> Int[Tensor, "padded"]:
        """The parameter rows of one run's features that can be active for some sample, padded to whole blocks."""
        rows = self._runs[run]
        if self._sectors:
            highest_z = highest_by_sector(parameters[rows.features], hidden[rows.samples], sectors=self._sectors[run])
        else:
            own = self._samples.split(self._sample_counts)[run]
            highest_z = highest(parameters[rows.features], Blocks.of(hidden, own, size=self._size))
        order = self._features[run]
        alive = order.masked_select(highest_z.index_select(0, order) > 0) + rows.features.start
        return fill_blocks(alive, size=BLOCK, zero_row=len(parameters) - 1)
