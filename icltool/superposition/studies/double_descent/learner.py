"""The exact engine as what the training loop drives, and the snapshots of W that it takes along training.

Legend: "frames" snapshots, R initialisations, n features, m hidden dimensions, T samples.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from icltool.core.tensor_files import read_plain_tensors, write_tensor_file
from icltool.superposition.data.sparse_features import SparseSamples
from icltool.superposition.engine.engine import ToyReLUEngine
from icltool.superposition.studies.double_descent import TRAJECTORY
from icltool.training.learner import LearnerState, Number


class Trajectory:
    """W of every initialisation after evenly spaced steps, the first before any and the last after all."""

    def __init__(self, *, frames: int, steps: int, like: Float[Tensor, "R n k"]) -> None:
        places = torch.linspace(0, steps, frames).round().long().unique()
        self._place_of = {int(step): place for place, step in enumerate(places.tolist())}
        self.steps = places
        R, n, k = like.shape
        self._weights = like.new_zeros(len(places), R, n, k - 1)

    def take(self, step: int, engine: ToyReLUEngine) -> None:
        """Keep the engine's weights if this is a step to keep."""
        place = self._place_of.get(step)
        if place is not None:
            self._weights[place] = engine.parameters[:, :, :-1]

    def state(self) -> dict[str, Tensor]:
        """The snapshots so far, for the resumable state; empty without frames."""
        return {"trajectory": self._weights.clone()} if len(self._place_of) else {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `state` returned."""
        if len(self._place_of):
            self._weights.copy_(tensors["trajectory"])

    def write(self, path: Path, *, run: int, features: Int[Tensor, "features"], samples: SparseSamples) -> None:
        """Write these columns of W and the hidden vectors of these samples: `features`, `samples` and their `steps`."""
        weights = self._weights[:, run].cpu().float()
        hidden = einsum(samples.dense().cpu().float(), weights, "T n, frames n m -> frames T m")
        write_tensor_file(
            path,
            {"steps": self.steps, "features": weights[:, features.cpu()], "samples": hidden},
            header={"study": "double-descent"},
        )


def read_trajectory(folder: Path) -> dict[str, Tensor] | None:
    """The tensors that a run wrote into its folder; None where there are none."""
    path = folder / TRAJECTORY
    return read_plain_tensors(path) if path.exists() else None


class ToyReLULearner:
    """A `Learner` (icltool.training.learner) whose step is the engine's, for all initialisations at once."""

    def __init__(self, engine: ToyReLUEngine, trajectory: Trajectory) -> None:
        self.engine = engine
        self.trajectory = trajectory
        trajectory.take(0, engine)

    def advance(self, step: int) -> Mapping[str, Tensor]:
        """One step; `loss` is the lowest of the initialisations' training losses before it."""
        loss = self.engine.step().min()
        self.trajectory.take(step, self.engine)
        return {"loss": loss}

    def conditions(self) -> Mapping[str, Number]:
        """The learning rate of the last step."""
        optimiser = self.engine.optimiser
        return {"lr": optimiser.settings.learning_rate(optimiser.step)}

    def best(self) -> int:
        """The initialisation with the lowest training loss now."""
        return int(self.engine.loss_and_gradient()[0].argmin())

    def state(self) -> LearnerState:
        """The engine's state and the snapshots."""
        return LearnerState(tensors={**self.engine.state(), **self.trajectory.state()}, values={})

    def restore(self, state: LearnerState) -> None:
        """Go back to a state that `state` returned."""
        self.engine.load_state(state.tensors)
        self.trajectory.restore(state.tensors)
