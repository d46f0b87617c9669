"""A learner trained by gradients: forward, backward, clip, optimiser step, for any model and objective."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from icltool.core.runtime import Runtime
from icltool.networks.loop import compile_model
from icltool.training.learner import LearnerState, Number
from icltool.training.optimisers import Optimisers, learning_rate_factor
from icltool.training.resume_file import pack_model, pack_optimisers, unpack_model, unpack_optimisers
from icltool.training.shared_training import Share
from icltool.training.training_config import OptimiserConfig


@runtime_checkable
class Objective(Protocol):
    """What a study minimises. `measure(step)` draws the step's data and returns 0-d tensors, `loss` among them."""

    def measure(self, step: int) -> Mapping[str, Tensor]:
        """Draw the data of a step and measure the model on it."""
        ...

    def observe(self, measures: Mapping[str, Tensor]) -> None:
        """Take note of the step's measures, over all processes that share the training."""
        ...

    def conditions(self) -> Mapping[str, Number]:
        """What held during the last step; `prompts` is the whole batch."""
        ...

    def state(self) -> Mapping[str, Any]:
        """What the next step depends on, as JSON values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state that `state` returned."""
        ...


class GradientLearner:
    """Minimises an objective over a model's parameters."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        config: OptimiserConfig,
        runtime: Runtime,
        *,
        share: Share | None = None,
    ) -> None:
        """`share` is this process's part of a training by several; the objective measures its rows of the batch."""
        self.share = share or Share()
        compile_model(model, runtime)
        self.model = model
        self.objective = objective
        self.config = config
        self.runtime = runtime
        self.optimisers = Optimisers(model, config)
        self._lr: float = 0.0

    def advance(self, step: int) -> Mapping[str, Tensor]:
        """One gradient step; returns the objective's measures and the gradient's norm before clipping."""
        self.model.train()
        with self.runtime.autocast():
            measures = self.objective.measure(step)
        measures["loss"].backward()  # pyright: ignore[reportUnknownMemberType] - torch leaves `gradient` untyped
        if self.share.together:
            batch = int(self.objective.conditions()["prompts"] or 0)
            measures = self.share.average(self.optimisers.parameters, measures, batch=batch)
        self.objective.observe(measures)
        norm = self.optimisers.gradient_norm()
        factor = learning_rate_factor(self.config, step)
        self.optimisers.step(factor)
        self._lr = self.config.lr * factor
        return {**{name: value.detach() for name, value in measures.items()}, "gradient_norm": norm.detach()}

    def conditions(self) -> Mapping[str, Number]:
        """The learning rate, and the objective's conditions."""
        return {"lr": self._lr, **self.objective.conditions()}

    def state(self) -> LearnerState:
        """Weights, optimiser state, and the objective's state."""
        tensors = {**pack_model(self.model), **pack_optimisers(self.optimisers.members)}
        return LearnerState(tensors=tensors, values=self.objective.state())

    def restore(self, state: LearnerState) -> None:
        """Go back to a state that `state` returned."""
        unpack_model(self.model, state.tensors)
        unpack_optimisers(self.optimisers.members, state.tensors)
        self.objective.restore(state.values)
