"""What a training costs, before it runs."""

from icltool.core.config import Config
from icltool.core.study import Cost
from icltool.regression.models.cost import kept_bytes, training_flops, weight_bytes
from icltool.regression.studies.train.config import TrainConfig


def cost(config: TrainConfig, _model: Config | None) -> Cost:
    """Operations of the whole training, and bytes at the peak of a step.

    An upper bound, at the final size of prompts and loops: the curriculum's shorter prompts and the loop schedule's
    fewer loops make the true figures smaller. Memory is weights, gradients and moments, and what backward wants.
    """
    kept = kept_bytes(config, prompts=config.batch, points=config.n, with_gradient=_with_gradient(config, config.loops))
    return Cost(
        flops=config.steps * step_flops(config, prompts=config.batch, points=config.n, loops=config.loops),
        memory=weight_bytes(config) + kept,
    )


def step_flops(config: TrainConfig, *, prompts: int, points: int, loops: int) -> float:
    """Floating-point operations of one step on prompts of so many points, with so many loops trained."""
    scored, with_gradient = _scored(config, loops), _with_gradient(config, loops)
    return prompts * training_flops(config, points=points, loops=loops, with_gradient=with_gradient, scored=scored)


def _scored(config: TrainConfig, loops: int) -> int:
    return min(config.window, -(-loops // config.dilation))


def _with_gradient(config: TrainConfig, loops: int) -> int:
    """The loops that build a graph: from the first scored one on, or the scored ones alone."""
    scored = _scored(config, loops)
    return scored if config.between == "detached" else (scored - 1) * config.dilation + 1
