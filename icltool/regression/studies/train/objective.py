"""The in-context regression loss (Yang et al. 2023, equation 3): what `train` minimises.

Mean over the scored loops, the prompts and all n points of (ŷ - y)².
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.regression.data.function_classes import error_scale
from icltool.regression.models.loop_plan import LoopPlan, loops_at, window_plan
from icltool.regression.models.looped import LoopedTransformer
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.curriculum import Curriculum, PromptSize
from icltool.regression.studies.train.training_prompts import FinitePrompts, FreshPrompts
from icltool.training.learner import Number
from icltool.training.shared_training import Share

# How many of the last points the running error that opens the curriculum's next stage looks at.
LAST_POINTS = 3


class RegressionObjective:
    """Draws a step's prompts, at the curriculum's size, and measures the model on them."""

    def __init__(
        self, model: LoopedTransformer, config: TrainConfig, runtime: Runtime, *, share: Share | None = None
    ) -> None:
        """With a `share` it measures this process's rows of each batch."""
        self._share = share or Share()
        self.model = model
        self.config = config
        self.runtime = runtime
        self._prompts = FinitePrompts(config) if config.train_prompts else FreshPrompts(config)
        self.curriculum = Curriculum(config, d=config.d, n=config.n, batch=config.batch)
        self._conditions: dict[str, Number] = {}

    def measure(self, step: int) -> Mapping[str, Tensor]:
        """`loss`, and `running_error`: that of the last points after the last loop, normalised at the dims in use."""
        size = self.curriculum.size()
        plan = self.plan_at(step)
        prompts = self._prompts.draw(step, size).rows(*self._share.rows(size.batch)).to(self.runtime.device)
        squares = (self.model(prompts.xs, prompts.ys, plan) - prompts.ys).square()
        running_error = squares[-1, :, -LAST_POINTS:].mean() / error_scale(self.config.task, d=size.dims)
        self._remember(size, plan)
        return {"loss": squares.mean(), "running_error": running_error}

    def observe(self, measures: Mapping[str, Tensor]) -> None:
        """Move the curriculum on when it is time."""
        self.curriculum.observe(measures["running_error"])

    def plan_at(self, step: int) -> LoopPlan:
        """The loops trained at a step, of which the window is scored."""
        config = self.config
        loops = loops_at(
            step,
            start=config.loops_start or config.loops,
            end=config.loops,
            increment=config.loops_step,
            every=config.loops_every,
        )
        return window_plan(loops, config.window, dilation=config.dilation, between=config.between)

    def conditions(self) -> Mapping[str, Number]:
        """The loops, points and dims of the last step."""
        return self._conditions

    def state(self) -> Mapping[str, Any]:
        """The curriculum; everything else follows from the step."""
        return {"curriculum": self.curriculum.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state that `state` returned."""
        self.curriculum.restore(state["curriculum"])

    def _remember(self, size: PromptSize, plan: LoopPlan) -> None:
        self._conditions = {
            "loops": plan.loops,
            "points": size.points,
            "dims": size.dims,
            "prompts": size.batch,
        }
