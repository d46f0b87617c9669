"""What a meta-training costs, before it runs."""

from icltool.core.config import Config
from icltool.core.study import Cost
from icltool.gpicl.data.config import CLASSES, expected_inputs
from icltool.gpicl.learners.cost import learner_products, projection_flops
from icltool.gpicl.studies.train.config import INTERIM_SEQUENCES, OWN_TESTS, GpiclTrainConfig

# A number of a task's projection, on the core of `LEARNERS`' rates: what is left of the memoriser's step, less a tenth.
SECONDS_A_NUMBER = 6.5e-8


def cost(config: GpiclTrainConfig, _model: Config | None) -> Cost:
    """Operations of the whole training and its tests; seconds of one core.

    Making the tasks takes no floating-point operations, but time: a projection of x² random numbers for every sequence
    (an upper bound where the tasks are few: those are made once).
    """
    inputs = expected_inputs(config.dataset, config)
    products = learner_products(config, context=config.context, inputs=inputs, classes=CLASSES)
    projected = projection_flops(config.context, inputs=inputs)
    # Also after the last step.
    evaluations = -(-config.steps // config.eval_every)
    tested = evaluations * min(INTERIM_SEQUENCES, config.eval_prompts) + OWN_TESTS * config.eval_prompts
    trained = config.steps * config.batch
    flops = trained * (products.training + projected) + tested * (products.forward + projected)
    return Cost(flops=flops, seconds=flops / config.kind.core_rate + trained * inputs**2 * SECONDS_A_NUMBER)
