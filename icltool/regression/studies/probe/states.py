"""The states that probes see: a model's hidden states, by default standardised.

Legend: s states at once, t tokens, B prompts, D width.
"""

from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.regression.data.function_classes import sample_prompts
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.hidden_states import Visit, visit_hidden_states
from icltool.regression.evaluation.state_scale import measure_state_scale
from icltool.regression.models.looped import LoopedTransformer
from icltool.regression.studies.probe.config import ProbeConfig

# How many prompts tell the scale of the states.
SCALE_PROMPTS = 512


class ProbedStates:
    """A model's states as its probes see them; `config` has its task, n and loops settled.

    Their scale is measured once, on prompts of the seed that no step trains on; under the control task too these have
    random w, or coordinates that a constant w holds still would be blown up where w varies.
    """

    def __init__(self, model: LoopedTransformer, config: ProbeConfig, runtime: Runtime) -> None:
        self.model = model
        self.runtime = runtime
        self.loops = config.loops or 1
        self.scale = None
        if config.standardise:
            random = generator(config.seed, "probe-scale")
            task, n, d = config.task or "linear-regression", config.n or 1, model.config.d
            prompts = sample_prompts(task, random, batch=SCALE_PROMPTS, n=n, d=d)
            self.scale = measure_state_scale(model, prompts, runtime, loops=self.loops)

    def visit(self, prompts: Prompts, *, at_once: int, visit: Visit) -> None:
        """Run the model once and hand its states to `visit`, as `visit_hidden_states` does."""

        def standardised(first: int, states: Tensor) -> None:
            if self.scale is not None:
                self.scale.standardise_(first, states)
            visit(first, states)

        prompts = prompts.to(self.runtime.device)
        visit_hidden_states(self.model, prompts, self.runtime, loops=self.loops, at_once=at_once, visit=standardised)
