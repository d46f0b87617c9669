"""From the current parameters to the tiles to evaluate: dead features left out, the others in nearby blocks.

A feature with z <= 0 for every sample contributes nothing. For m = 2 the hull of the hidden vectors tells
(toy_relu_support), for other m the boxes around the samples (toy_relu_bounds).
Shapes: see toy_relu_bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icltool.superposition.engine import support
from icltool.superposition.engine import tiles as bounds


@dataclass(frozen=True)
class RunRows:
    """Where one run's features and samples are in the rows of all runs together."""

    features: slice
    samples: slice


class Regions:
    """An order of features and samples, made from reference parameters, that serves many steps."""

    def __init__(
        self, parameters: Float[Tensor, "F k"], hidden: Float[Tensor, "S k"], *, runs: Sequence[RunRows]
    ) -> None:
        self.reference = parameters.clone()
        self._runs = runs
        self._size = bounds.sample_block_size(max(run.samples.stop - run.samples.start for run in runs))
        reach = hidden.abs().amax(0)
        alike = bounds.to_unit_size(parameters, reach) * reach
        self._features: list[Tensor] = []
        self._sectors: list[support.Sectors] = []
        sample_rows: list[Tensor] = []
        for run in runs:
            order = bounds.nearby_order(hidden[run.samples, :-1]) + run.samples.start
            sample_rows.append(bounds.fill_blocks(order, size=self._size, zero_row=len(hidden) - 1))
            self._features.append(bounds.nearby_order(alike[run.features]))
            if parameters.shape[1] == 3:
                self._sectors.append(support.Sectors.of(parameters[run.features, :2]))
        self._samples = torch.cat(sample_rows)
        self._sample_counts = [len(rows) for rows in sample_rows]

    def tiles(self, parameters: Float[Tensor, "F k"], hidden: Float[Tensor, "S k"]) -> bounds.Tiles:
        """The tiles that can be active for these parameters and hidden vectors; each lies in one run."""
        samples = bounds.Blocks.of(hidden, self._samples, size=self._size)
        alive = [self._alive(run, parameters, hidden) for run in range(len(self._runs))]
        features = bounds.Blocks.of(parameters, torch.cat(alive), size=bounds.BLOCK, reach=hidden.abs().amax(0))
        same_run = None
        if len(alive) > 1:
            blocks = [
                torch.ones(len(rows) // bounds.BLOCK, count // self._size, device=hidden.device)
                for rows, count in zip(alive, self._sample_counts, strict=True)
            ]
            same_run = torch.block_diag(*blocks) > 0
        return bounds.find_tiles(features, samples, same_run=same_run)

    def _alive(self, run: int, parameters: Float[Tensor, "F k"], hidden: Float[Tensor, "S k"]) -> Int[Tensor, "padded"]:
        """One run's features that can be active for some sample, in blocks."""
        rows = self._runs[run]
        if self._sectors:
            highest = support.highest(parameters[rows.features], hidden[rows.samples], sectors=self._sectors[run])
        else:
            own = self._samples.split(self._sample_counts)[run]
            highest = bounds.highest(parameters[rows.features], bounds.Blocks.of(hidden, own, size=self._size))
        order = self._features[run]
        alive = order.masked_select(highest.index_select(0, order) > 0) + rows.features.start
        return bounds.fill_blocks(alive, size=bounds.BLOCK, zero_row=len(parameters) - 1)
