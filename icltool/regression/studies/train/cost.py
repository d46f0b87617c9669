"""What a training costs, before it runs."""

from icltool.core.config import Config
from icltool.regression.models.cost import kept_bytes, training_flops, weight_bytes
from icltool.regression.studies.train.config import TrainConfig


def flops(config: Config, _model: Config | None) -> float:
    """Floating-point operations of the whole training at the final size of prompts and loops: an upper bound.

    The curriculum's shorter prompts and the loop schedule's fewer loops make the true figure smaller.
    """
    assert isinstance(config, TrainConfig)  # noqa: S101 - the registry pairs a study with its own settings
    return config.steps * step_flops(config, prompts=config.batch, points=config.n, loops=config.loops)


def memory(config: Config) -> float:
    """Bytes at the peak of a step: weights, gradients and moments, and what the backward pass wants."""
    assert isinstance(config, TrainConfig)  # noqa: S101 - as above
    with_gradient = _with_gradient(config, config.loops)
    kept = kept_bytes(config, prompts=config.batch, points=config.n, with_gradient=with_gradient)
    return weight_bytes(config) + kept


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
