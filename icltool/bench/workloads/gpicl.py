"""What `bench gpicl` times: a training step of `gpicl-train` with its tasks made on the spot, and making them alone.

The share of the second in the first is what task augmentation costs. `gpicl-train` makes a step's tasks in a thread
while the step before is computed, so where a core is free the real share is smaller.
"""

from collections.abc import Callable

from icltool.bench.config import BenchConfig
from icltool.core.runtime import Runtime, prepare
from icltool.core.runtime_config import RuntimeConfig
from icltool.core.seeding import generator
from icltool.gpicl.data.classification_data import classification_data
from icltool.gpicl.learners.all_learners import new_learner
from icltool.gpicl.studies.train.config import GpiclTrainConfig
from icltool.gpicl.studies.train.objective import InContextObjective, TaskBatches
from icltool.training.gradient_learner import GradientLearner


def training_settings(config: BenchConfig) -> GpiclTrainConfig:
    """The default meta-training at the bench's sizes: n is the context, d the components."""
    shared = config.model_dump(include={"L", "width", "heads", "batch", *RuntimeConfig.model_fields})
    return GpiclTrainConfig(**shared, context=config.n, components=config.d).resolved()


def step(config: BenchConfig) -> Callable[[int], object]:
    """The whole step, tasks made on the spot."""
    settings, runtime, batches = _prepared(config)
    data = batches.data
    model = new_learner(settings, inputs=data.inputs, classes=data.classes, generator=generator(0, "weights"))
    model = model.to(runtime.device)
    learner = GradientLearner(model, InContextObjective(model, batches, batches, runtime), settings, runtime)
    return lambda number: float(learner.advance(number)["loss"])


def generation(config: BenchConfig) -> Callable[[int], object]:
    """Making the sequences of a step alone: images, projections, label permutations."""
    _, _, batches = _prepared(config)
    return lambda number: float(batches(number).inputs[-1, -1, -1])


def _prepared(config: BenchConfig) -> tuple[GpiclTrainConfig, Runtime, TaskBatches]:
    settings = training_settings(config)
    runtime = prepare(settings)
    data = classification_data(settings.dataset, settings, data_dir=None)
    return settings, runtime, TaskBatches(data, settings, runtime.device)
