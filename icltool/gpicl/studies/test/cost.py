"""What testing an in-context learner costs, before it runs."""

from icltool.core.config import Config
from icltool.core.study import Cost
from icltool.gpicl.data.config import CLASSES, expected_inputs
from icltool.gpicl.learners.cost import descent_products, learner_products, projection_flops
from icltool.gpicl.studies.test.config import CHOOSING_SEQUENCES, PLACES, STEP_SIZES, STEPS, GpiclTestConfig
from icltool.gpicl.studies.train.config import OWN_TESTS, GpiclTrainConfig


def cost(config: GpiclTestConfig, model: Config | None) -> Cost:
    """Operations of all tests; open where the learner is not known yet.

    With --sgd an upper bound: as if the longest descent were the one chosen.
    """
    if not isinstance(model, GpiclTrainConfig):
        return Cost()
    context, inputs = config.context or model.context, expected_inputs(model.dataset, model)
    learner = learner_products(model, context=context, inputs=inputs, classes=CLASSES).forward
    projected = projection_flops(context, inputs=inputs)
    others = sum(name != (config.dataset or model.dataset) for name in config.other_datasets)
    tested = (OWN_TESTS + others) * config.eval_prompts * (learner + projected)
    from_scratch = _from_scratch(config, context, inputs=inputs, unseen=1 + others) if config.sgd else 0.0
    return Cost(flops=tested + from_scratch)


def _from_scratch(config: GpiclTestConfig, context: int, *, inputs: int, unseen: int) -> float:
    """The descents that one is chosen from, read at the last place; then the tests on unseen tasks."""

    def descent(places: int, readings: int) -> float:
        return descent_products(
            context,
            width=config.sgd_width,
            steps=STEPS[-1],
            inputs=inputs,
            classes=CLASSES,
            places=places,
            readings=readings,
        ).forward

    projected = projection_flops(context, inputs=inputs)
    choosing = CHOOSING_SEQUENCES * (len(STEP_SIZES) * descent(1, len(STEPS)) + projected)
    places = min(PLACES + 1, context)
    return choosing + unseen * config.eval_prompts * (descent(places, 1) + projected)
