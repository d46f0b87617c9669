"""What an evaluation costs, before it runs."""

from typing import get_args

from icltool.core.config import Config
from icltool.core.study import Cost
from icltool.regression.data.config import PLACING_SHIFTS, Shift
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.cost import forward_flops
from icltool.regression.studies.evaluate.config import EvaluateConfig


def cost(config: EvaluateConfig, model: Config | None) -> Cost:
    """Operations of the model on all the prompts; open where the model is not known yet.

    The baselines are left out. Under --halt-tol this is an upper bound: every prompt runs all the loops once more.
    """
    if not isinstance(model, RegressionModelConfig):
        return Cost()
    once = _pass(config, model, shift=config.shift, every_loop=True)
    halting = once if config.halt_tol is not None else 0.0
    shifts = get_args(Shift) if config.shifts == "all" else ()
    shifted = sum(_pass(config, model, shift=shift, every_loop=False) for shift in shifts)
    return Cost(flops=config.eval_prompts * config.seeds * (once + halting + shifted))


def _pass(config: EvaluateConfig, model: RegressionModelConfig, *, shift: Shift, every_loop: bool) -> float:
    """One prompt, its predictions read after every loop or after the last."""
    loops, points = config.loops or model.loops, config.n or model.n
    if shift == "orthogonal-query":
        points = min(points, model.d)
    # A placed query follows every prefix: as many points again.
    points *= 2 if shift in PLACING_SHIFTS else 1
    return forward_flops(model, points=points, loops=loops, scored=loops if every_loop else 1, whole_states=every_loop)
