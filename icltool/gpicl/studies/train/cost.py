"""What a meta-training costs, before it runs."""

from icltool.core.config import Config
from icltool.gpicl.data.config import CLASSES, expected_inputs
from icltool.gpicl.learners.cost import learner_products, projection_flops
from icltool.gpicl.studies.train.config import INTERIM_SEQUENCES, GpiclTrainConfig

# Of the final measurement: unseen and seen tasks on test images, seen ones on training images.
TESTS = 3
# One core of an AMD EPYC, torch 2.13, at the paper's width and context, in CPU time, beside other work.
# Operations a second by learner: VSML's and MAML's from sequences by eights; the LSTMs' from what their steps take more
# than a memoriser's. The transformer's and the memoriser's are taken from `icltool.sweep.cost`, not measured. Then
# the seconds a number of a task's projection: what is left of the memoriser's step, less a tenth.
CORE_RATES = {"transformer": 1e11, "mlp": 1e11, "lstm": 2.7e10, "op-lstm": 2.7e10, "vsml": 1.6e10, "maml": 2.3e10}
SECONDS_A_NUMBER = 6.5e-8


def flops(config: Config, _model: Config | None) -> float:
    """Floating-point operations of the whole training and its tests.

    Making the tasks takes no floating-point operations; `core_seconds` has its time.
    """
    assert isinstance(config, GpiclTrainConfig)  # noqa: S101 - the registry pairs a study with its own settings
    inputs = expected_inputs(config.dataset, config)
    products = learner_products(config, context=config.context, inputs=inputs, classes=CLASSES)
    projected = projection_flops(config.context, inputs=inputs)
    # Also after the last step.
    evaluations = -(-config.steps // config.eval_every)
    tested = evaluations * min(INTERIM_SEQUENCES, config.eval_prompts) + TESTS * config.eval_prompts
    return config.steps * config.batch * (products.training + projected) + tested * (products.forward + projected)


def core_seconds(config: Config) -> float:
    """Seconds of one core: the operations, and a projection of x² random numbers for every sequence.

    An upper bound where the tasks are few: those are made once.
    """
    assert isinstance(config, GpiclTrainConfig)  # noqa: S101 - as above
    numbers = config.steps * config.batch * expected_inputs(config.dataset, config) ** 2
    return flops(config, None) / CORE_RATES[config.learner] + numbers * SECONDS_A_NUMBER
