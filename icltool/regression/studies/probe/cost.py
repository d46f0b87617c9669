"""What a probing costs, before it runs.

Legend: S states, k targets of a state, t = 2n tokens, D width, h hidden units, d dimensions.
"""

from itertools import pairwise

from icltool.core.config import Config
from icltool.core.study import Cost
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.cost import forward_flops
from icltool.regression.studies.probe.config import INTERIM_PROMPTS, SCALE_PROMPTS, ProbeConfig


def cost(config: ProbeConfig, model: Config | None) -> Cost:
    """Operations of the training and the tests of all probes; open where the model is not known yet.

    Every step runs the model forward on fresh prompts, and the probes forward and backward.
    """
    if not isinstance(model, RegressionModelConfig):
        return Cost()
    loops = config.loops or model.loops
    states = forward_flops(model, points=config.n or model.n, loops=loops, scored=0, whole_states=True)
    # Also after the last step.
    evaluations = -(-config.steps // config.eval_every)
    interim = evaluations * min(INTERIM_PROMPTS, config.eval_prompts)
    tested = (interim + config.eval_prompts) * (states + _probes(config, model, loops=loops, training=False))
    scale = SCALE_PROMPTS * states if config.standardise else 0.0
    a_prompt = states + _probes(config, model, loops=loops, training=True)
    return Cost(flops=config.steps * config.batch * a_prompt + tested + scale)


def _probes(config: ProbeConfig, model: RegressionModelConfig, *, loops: int, training: bool) -> float:
    """All S·k probes on one prompt: 2 t D to pool, then the maps; their inputs' gradients are not all needed."""
    points = config.n or model.n
    # One pass has a state a layer, several loops one a loop; and the embedding.
    states = (model.L if loops == 1 else loops) + 1
    targets = len(config.prefixes(n=points, d=model.d))
    maps = [model.width, *([config.hidden] if config.probe == "mlp" else []), model.d]
    pooling = 2 * 2 * points * model.width
    mapping = sum(2 * inside * outside for inside, outside in pairwise(maps))
    # Backward: the maps by weights and inputs, the pooling by α alone (the states have no gradient).
    return states * targets * (3 * mapping + 2 * pooling if training else mapping + pooling)
