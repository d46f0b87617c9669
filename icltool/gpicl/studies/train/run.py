"""`gpicl-train`: from settings to a learner that learns in context, its accuracy on seen and unseen tasks, a folder."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from icltool.core.progress import OnStep, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import RunFolder, RunRequest, open_run
from icltool.core.runtime import Runtime, environment, prepare
from icltool.core.seeding import generator
from icltool.gpicl.data.classification_data import ClassificationData, classification_data
from icltool.gpicl.data.prefetch import Prefetcher
from icltool.gpicl.evaluation.accuracy_records import accuracy_records, last_accuracy
from icltool.gpicl.evaluation.in_context_accuracy import SequenceTest, SequenceTestSize, right_answers
from icltool.gpicl.learners.all_learners import new_learner, state_size
from icltool.gpicl.learners.checkpoint import LearnedShape, save_gpicl_checkpoint
from icltool.gpicl.studies.train.config import INTERIM_SEQUENCES, GpiclTrainConfig
from icltool.gpicl.studies.train.objective import InContextObjective, TaskBatches
from icltool.training.gradient_learner import GradientLearner
from icltool.training.loop import Pace, Timing, run_training

STUDY = "gpicl-train"
HELD_OUT_ACCURACY = "held_out_accuracy"


@dataclass(frozen=True, kw_only=True)
class _Training:
    """What a run works with."""

    config: GpiclTrainConfig
    runtime: Runtime
    data: ClassificationData
    model: nn.Module
    folder: RunFolder


def run(config: GpiclTrainConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Meta-train, or go on training, and measure; a finished run of the same settings is returned at once.

    Raises `InputError` when the data set cannot be read, else what `run_training` and `open_run` raise.
    """
    config = config.resolved()
    with open_run(STUDY, config, slug=config.slug, request=request or RunRequest()) as folder:
        if folder.finished:
            return folder.result()
        runtime = prepare(config)
        data = classification_data(config.dataset, config, data_dir=config.data_dir)
        weights = generator(config.seed, "weights")
        model = new_learner(config, inputs=data.inputs, classes=data.classes, generator=weights).to(runtime.device)
        training = _Training(config=config, runtime=runtime, data=data, model=model, folder=folder)
        return _finish(training, _train(training, on_step))


def _train(training: _Training, on_step: OnStep) -> Timing:
    config, runtime, model = training.config, training.runtime, training.model
    unseen = SequenceTest(data=training.data, tasks="unseen", images="test")
    size = _test_size(config, sequences=min(INTERIM_SEQUENCES, config.eval_prompts))

    def evaluate(_step: int) -> Mapping[str, float]:
        right = right_answers(model, unseen, size, runtime)
        return {HELD_OUT_ACCURACY: float(right[:, -1].float().mean())}

    def save_model(step: int, metrics: Mapping[str, float]) -> None:
        _save(training, step=step, metrics=metrics)

    pace = Pace(
        steps=config.steps, log_every=config.log_every, eval_every=config.eval_every, save_every=config.save_every
    )
    batches = TaskBatches(training.data, config, runtime.device)
    with Prefetcher(batches, last=config.steps) as source:
        objective = InContextObjective(model, batches, source, runtime)
        return run_training(
            GradientLearner(model, objective, config, runtime),
            pace=pace,
            run=training.folder,
            evaluate=evaluate,
            save_model=save_model,
            on_step=on_step,
        )


def _finish(training: _Training, timing: Timing) -> Result:
    """The final measurements, the checkpoint whose header carries them, and result.json as the last file."""
    config, data, model = training.config, training.data, training.model
    size = _test_size(config, sequences=config.eval_prompts)
    tests = [
        SequenceTest(data=data, tasks="unseen", images="test"),
        SequenceTest(data=data, tasks="seen", images="test"),
        SequenceTest(data=data, tasks="seen", images="train"),
    ]
    records: list[Row] = []
    for test in tests:
        records += accuracy_records(config.label, test, right_answers(model, test, size, training.runtime))
    unseen, seen = (last_accuracy(records, test.name)["mean"] for test in tests[:2])
    metrics: dict[str, Value] = {HELD_OUT_ACCURACY: unseen}
    _save(training, step=config.steps, metrics=metrics)
    result = Result(
        kind=STUDY,
        label=config.label,
        config=config.identity(),
        environment=environment(training.runtime),
        summary={
            HELD_OUT_ACCURACY: unseen,
            "seen_tasks_accuracy": seen,
            "chance": 1 / data.classes,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "state_size": state_size(model),
            "steps": timing.steps,
            "steps_per_second": round(timing.steps_per_second, 2),
            "seconds": round(timing.seconds, 1),
        },
        records=records,
        run=training.folder.path,
    )
    result.save()
    training.folder.resume_state.unlink(missing_ok=True)
    return result


def _test_size(config: GpiclTrainConfig, *, sequences: int) -> SequenceTestSize:
    """Tests of this many sequences, as long as those of the training."""
    return SequenceTestSize(
        sequences=sequences,
        context=config.context,
        seed=config.eval_seed,
        task_seed=config.seed,
        tasks=config.tasks,
    )


def _save(training: _Training, *, step: int, metrics: Mapping[str, Value]) -> None:
    config, data = training.config, training.data
    save_gpicl_checkpoint(
        training.folder.model,
        training.model,
        architecture=config,
        preprocessing=config,
        shape=LearnedShape(images=data.shape, inputs=data.inputs, classes=data.classes),
        study=STUDY,
        config=config,
        step=step,
        metrics=metrics,
    )
