"""What a training costs, before it runs."""

from icltool.core.config import Config
from icltool.models.flops import training_flops
from icltool.studies.train.config import TrainConfig


def flops(config: Config, _model: Config | None) -> float:
    """Floating-point operations of the whole training at the final size of prompts and loops: an upper bound.

    The curriculum's shorter prompts and the loop schedule's fewer loops make the true figure smaller.
    """
    assert isinstance(config, TrainConfig)  # noqa: S101 - the registry pairs a study with its own settings
    return config.steps * step_flops(config, prompts=config.batch, points=config.n, loops=config.loops)


def step_flops(config: TrainConfig, *, prompts: int, points: int, loops: int) -> float:
    """Floating-point operations of one step on prompts of so many points, with so many loops trained."""
    scored = min(config.window, -(-loops // config.dilation))
    span = (scored - 1) * config.dilation + 1
    with_gradient = scored if config.between == "detached" else span
    return prompts * training_flops(config, points=points, loops=loops, with_gradient=with_gradient, scored=scored)
