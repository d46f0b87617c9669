"""What a measurement under masks costs, before it runs."""

from icltool.core.config import Config
from icltool.core.study import Cost
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.cost import forward_flops
from icltool.regression.studies.mask_tokens.config import MaskTokensConfig


def cost(config: MaskTokensConfig, model: Config | None) -> Cost:
    """Operations of the model on every prompt under every mask (none kept, ..., all kept).

    Open where the model is not known yet.
    """
    if not isinstance(model, RegressionModelConfig):
        return Cost()
    points = config.n or model.n
    one_pass = model.architecture == "standard"
    multiples = 1 if one_pass else config.multiples
    loops = (1 if one_pass else config.loops or model.loops) * multiples
    a_pass = forward_flops(model, points=points, loops=loops, scored=multiples)
    return Cost(flops=(points + 1) * config.eval_prompts * a_pass)
