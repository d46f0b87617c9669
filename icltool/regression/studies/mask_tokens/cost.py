"""What a measurement under masks costs, before it runs."""

from icltool.core.config import Config
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.cost import forward_flops
from icltool.regression.studies.mask_tokens.config import MaskTokensConfig


def flops(config: Config, model: Config | None) -> float | None:
    """Floating-point operations of the model on every prompt under every mask (none kept, ..., all kept).

    None where the model is not known yet.
    """
    assert isinstance(config, MaskTokensConfig)  # noqa: S101 - the registry pairs a study with its own settings
    if not isinstance(model, RegressionModelConfig):
        return None
    points = config.n or model.n
    one_pass = model.architecture == "standard"
    multiples = 1 if one_pass else config.multiples
    loops = (1 if one_pass else config.loops or model.loops) * multiples
    return (points + 1) * config.eval_prompts * forward_flops(model, points=points, loops=loops, scored=multiples)
