"""What a training costs, before it runs."""

from icltool.core.config import Config
from icltool.models.flops import training_flops
from icltool.studies.train.config import TrainConfig


def flops(config: Config) -> float:
    """Floating-point operations of the whole training at the final size of prompts and loops: an upper bound.

    The curriculum's shorter prompts and the loop schedule's fewer loops make the true figure smaller.
    """
    assert isinstance(config, TrainConfig)  # noqa: S101 - the registry pairs a study with its own settings
    span = min(config.loops, (config.window - 1) * config.dilation + 1)
    with_gradient = config.window if config.between == "detached" else span
    per_prompt = training_flops(
        config, points=config.n, loops=config.loops, with_gradient=with_gradient, scored=config.window
    )
    return config.steps * config.batch * per_prompt
