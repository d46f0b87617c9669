"""The exact engine as what the training loop drives."""

from collections.abc import Mapping

from torch import Tensor

from icltool.superposition.engine.engine import ToyReLUEngine
from icltool.superposition.studies.double_descent.trajectory import Trajectory
from icltool.training.learner import LearnerState, Number


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
