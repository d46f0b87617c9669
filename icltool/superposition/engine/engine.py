"""Exact full-batch training of the toy ReLU model without a T x n array.

With z = Wᵀh + b and r = relu(z), the loss (1/T) Σ_t ‖x_t - r_t‖² is the sum of three parts: Σ x² is constant,
-2 Σ x r needs only the non-zeros of x (`nonzeros`), and Σ r² needs only the tiles of (feature, sample) pairs that
can be active (`active_tiles`, `tile_sums`). The gradient with respect to z is (2/T)(r - x [z > 0]), where x again
enters only at its non-zeros. Memory is O(features + samples + non-zeros) and a few MiB of tiles.

Several runs (data sets, initialisations) of the same m and n can train together: their features and samples are rows of
the same tables, their tiles never mix. Twelve runs of small T together step 2.6 times as fast. Even so a sweep trains
each run alone: the last digits of a run would depend on its neighbours, and training amplifies them.

Legend: R runs, n features each, m hidden dimensions, k = m + 1 homogeneous coordinates. A feature's row of the
parameters is (w_j, b_j), a sample's row of the hidden vectors (h_t, 1). Both tables, of F and S rows, end in a zero
row.
"""

from collections.abc import Mapping, Sequence

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from icltool.core.errors import UsageError
from icltool.superposition.data.sparse_features import SparseSamples
from icltool.superposition.engine.active_tiles import Regions, RunRows
from icltool.superposition.engine.nonzeros import NonZeros
from icltool.superposition.engine.optimiser import FusedAdamW, WarmupCosine
from icltool.superposition.engine.tile_sums import pair_sums
from icltool.superposition.engine.tiles import Tiles
from icltool.superposition.model import ToyReLU

_ORDER_LIFE = 32  # steps that share one order of features and samples; the bounds are computed at every step


class ToyReLUEngine:
    """R runs of the toy ReLU model in training; `step` updates each of them once."""

    def __init__(self, data: Sequence[SparseSamples], models: Sequence[ToyReLU], *, settings: WarmupCosine) -> None:
        if len(data) != len(models) or not models:
            raise UsageError(f"{len(data)} data sets for {len(models)} models: one for each is needed")
        shapes = {(model.m, model.n) for model in models} | {(models[0].m, samples.n) for samples in data}
        if len(shapes) != 1:
            raise UsageError(f"runs trained together need one m and one n, not (m, n) in {sorted(shapes)}")
        [(self.m, self.n)] = shapes
        like = models[0].W.detach()
        self._parameters = like.new_zeros(len(models) * self.n + 1, self.m + 1)
        for rows, model in zip(self.parameters, models, strict=True):
            rows[:, : self.m] = rearrange(model.W.detach(), "m n -> n m")
            rows[:, self.m] = model.b.detach()
        self._load_data([samples.to(like.device, like.dtype) for samples in data])
        self.optimiser = FusedAdamW(self._parameters, settings)
        self._regions = self._new_regions(self._parameters)

    def _load_data(self, data: Sequence[SparseSamples]) -> None:
        device = self._parameters.device
        sizes = [samples.count for samples in data]
        starts = [sum(sizes[:run]) for run in range(len(data))]
        self._runs = [
            RunRows(slice(run * self.n, (run + 1) * self.n), slice(start, start + T))
            for run, (start, T) in enumerate(zip(starts, sizes, strict=True))
        ]
        self._data = NonZeros.of(
            torch.cat([samples.values for samples in data]),
            features=torch.cat([samples.features + run * self.n for run, samples in enumerate(data)]),
            samples=torch.cat([samples.samples + start for start, samples in zip(starts, data, strict=True)]),
            F=len(self._parameters),
            S=sum(sizes) + 1,
        )
        self._squares = torch.stack([samples.values.double().square().sum() for samples in data])
        self._T = torch.tensor(sizes, dtype=torch.float64, device=device)
        scale = 2 / self._T
        self._feature_scale = rearrange(scale, "R -> R 1 1")
        per_sample = scale.repeat_interleave(torch.tensor(sizes, device=device))
        self._sample_scale = repeat(torch.cat([per_sample, scale.new_zeros(1)]), "S -> S k", k=self.m + 1).clone()
        # No gradient for the constant 1 in (h, 1).
        self._sample_scale[:, self.m] = 0

    def _new_regions(self, reference: Float[Tensor, "F k"]) -> Regions:
        return Regions(reference, self._hidden(reference), runs=self._runs)

    @property
    def parameters(self) -> Float[Tensor, "R n k"]:
        """(w_j, b_j) of every feature of every run, as a view: each step changes it."""
        return self._by_run(self._parameters)

    def _by_run(self, rows: Float[Tensor, "F k"]) -> Float[Tensor, "R n k"]:
        return rows[:-1].view(-1, self.n, self.m + 1)

    def weights(self, run: int = 0) -> tuple[Float[Tensor, "m n"], Float[Tensor, "n"]]:
        """W and b of one run, as copies."""
        rows = self.parameters[run]
        return rearrange(rows[:, : self.m], "n m -> m n").contiguous(), rows[:, self.m].clone()

    @torch.inference_mode()
    def write_to(self, model: ToyReLU, *, run: int = 0) -> None:
        """Copy one run's weights into a model."""
        W, b = self.weights(run)
        model.W.copy_(W)
        model.b.copy_(b)

    def hidden(self, run: int = 0) -> Float[Tensor, "T m"]:
        """h_t = W x_t of one run's samples."""
        return self._hidden(self._parameters)[self._runs[run].samples, : self.m]

    def _hidden(self, parameters: Float[Tensor, "F k"]) -> Float[Tensor, "S k"]:
        hidden = self._data.by_sample(parameters, self._data.values)
        hidden[:-1, self.m] = 1
        return hidden

    @torch.inference_mode()
    def loss_and_gradient(self) -> tuple[Float[Tensor, "R"], Float[Tensor, "R n k"]]:
        """Each run's loss (float64) and its gradient in the layout of `parameters`."""
        loss, gradient = self._evaluate()
        return loss, self._by_run(gradient)

    @torch.inference_mode()
    def step(self) -> Float[Tensor, "R"]:
        """One AdamW update of every run; returns the losses before it (float64, on the engine's device)."""
        if self.optimiser.step % _ORDER_LIFE == 0:
            self._regions = self._new_regions(self._parameters)
            self.optimiser.drop_vanished()
        loss, gradient = self._evaluate()
        self.optimiser.update(self._parameters, gradient)
        return loss

    @torch.inference_mode()
    def tiles(self) -> Tiles:
        """The tiles that the next step will evaluate; their number tells how much work a step is."""
        return self._regions.tiles(self._parameters, self._hidden(self._parameters))

    def _evaluate(self) -> tuple[Float[Tensor, "R"], Float[Tensor, "F k"]]:
        parameters, data = self._parameters, self._data
        hidden = self._hidden(parameters)
        tiles = self._regions.tiles(parameters, hidden)
        by_feature, by_sample = pair_sums(tiles, parameters=parameters, hidden=hidden)
        # For a feature that is learnt, sum r and sum x nearly cancel, so both are summed in float64.
        x = data.where_active(parameters, hidden).double()
        target = data.by_feature(hidden.double(), x)
        by_feature -= target
        by_sample -= data.by_sample(parameters.double(), x)
        # Σ r² - 2 Σ x r = Σ (r - 2 x [z > 0]) z, and z = (w, b) · (h, 1) is linear in what was summed.
        share = self._by_run(parameters * (by_feature - target))
        loss = (share.sum((1, 2)) + self._squares) / self._T
        self._by_run(by_feature).mul_(self._feature_scale)
        by_sample *= self._sample_scale
        return loss, by_feature.to(parameters.dtype).add_(data.by_feature(by_sample.to(parameters.dtype)))

    def state(self) -> dict[str, Tensor]:
        """What a resumed run needs to give the same bytes.

        Weights, moments, step, and the reference parameters from which the order of features and samples was made: it
        decides the order of the additions.
        """
        optimiser = self.optimiser
        return {
            "parameters": self._parameters.clone(),
            "mean": optimiser.mean.clone(),
            "square": optimiser.square.clone(),
            "reference": self._regions.reference.clone(),
            "step": torch.tensor(optimiser.step),
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue from the `state()` of an engine with the same data and settings; raises `UsageError` on others."""
        if state["parameters"].shape != self._parameters.shape:
            raise UsageError(
                f"the saved state has shape {tuple(state['parameters'].shape)}, this run needs "
                f"{tuple(self._parameters.shape)}: resume it with the settings it was started with"
            )
        self._parameters.copy_(state["parameters"])
        self.optimiser.restore(step=int(state["step"]), mean=state["mean"], square=state["square"])
        self._regions = self._new_regions(state["reference"].to(self._parameters))
