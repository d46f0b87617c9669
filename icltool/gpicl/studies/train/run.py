"""`gpicl-train`: from settings to a learner that learns in context, its accuracy on seen and unseen tasks, a folder."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from icltool.core.progress import OnStep, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import Measured, RunFolder
from icltool.core.runtime import environment, prepare, restored_process
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.gpicl.data.classification_data import classification_data
from icltool.gpicl.data.prefetch import Prefetcher
from icltool.gpicl.data.task_sequences import TaskSequences
from icltool.gpicl.evaluation.accuracy_records import accuracy_records, last_accuracy
from icltool.gpicl.evaluation.in_context_accuracy import SequenceTest, SequenceTestSize, own_tests, right_answers
from icltool.gpicl.learners.all_learners import new_learner, state_size
from icltool.gpicl.learners.checkpoint import LearnedShape, save_gpicl_checkpoint
from icltool.gpicl.studies.train import GPICL_TRAIN
from icltool.gpicl.studies.train.config import INTERIM_SEQUENCES, GpiclTrainConfig
from icltool.gpicl.studies.train.objective import InContextObjective, TaskBatches
from icltool.training.gradient_learner import GradientLearner
from icltool.training.trained_study import trained_study

HELD_OUT_ACCURACY = "held_out_accuracy"


@restored_process()
def run(config: GpiclTrainConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Meta-train, or go on training, and measure; a finished run of the same settings is returned at once.

    Raises `InputError` when the data set cannot be read, else what `trained_study` raises.
    """
    config = config.resolved()

    @contextmanager
    def begin() -> Generator[_Training]:
        training = _Training(config)
        with training.source:
            yield training

    return trained_study(
        GPICL_TRAIN,
        config,
        slug=config.slug,
        request=request,
        pace=config.pace(config.steps),
        begin=begin,
        on_step=on_step,
    )


class _Training:
    """One run: its images, its learner, its tests."""

    def __init__(self, config: GpiclTrainConfig) -> None:
        self.config = config
        self.runtime = prepare(config)
        self.data = classification_data(config.dataset, config, data_dir=config.data_dir)
        weights = generator(config.seed, "weights")
        self.model = new_learner(config, inputs=self.data.inputs, classes=self.data.classes, generator=weights).to(
            self.runtime.device
        )
        batches = TaskBatches(self.data, config, self.runtime.device)
        self.source: Prefetcher[TaskSequences] = Prefetcher(batches, last=config.steps)
        objective = InContextObjective(self.model, batches, self.source, self.runtime)
        self.learner = GradientLearner(self.model, objective, config, self.runtime)

    def evaluate(self, _step: int) -> Mapping[str, float]:
        """The accuracy at the end of some sequences of unseen tasks."""
        unseen = SequenceTest(data=self.data, tasks="unseen", images="test")
        size = self._test_size(min(INTERIM_SEQUENCES, self.config.eval_prompts))
        right = right_answers(self.model, unseen, size, self.runtime)
        return {HELD_OUT_ACCURACY: float(right[:, -1].float().mean())}

    def save_model(self, path: Path, *, step: int, metrics: Mapping[str, Value]) -> None:
        """The learner as later commands read it, with how its images became vectors."""
        config, data = self.config, self.data
        save_gpicl_checkpoint(
            path,
            self.model,
            architecture=config,
            preprocessing=config,
            shape=LearnedShape(images=data.shape, inputs=data.inputs, classes=data.classes),
            study=GPICL_TRAIN.name,
            config=config,
            step=step,
            metrics=metrics,
        )

    def measure(self, folder: RunFolder) -> Measured:
        """Accuracy on unseen and seen tasks; the checkpoint's header carries the final one."""
        config, data = self.config, self.data
        size = self._test_size(config.eval_prompts)
        tests = own_tests(data)
        records: list[Row] = []
        for test in tests:
            records += accuracy_records(config.label, test, right_answers(self.model, test, size, self.runtime))
        unseen, seen = (last_accuracy(records, test.name)["mean"] for test in tests[:2])
        self.save_model(folder.model, step=config.steps, metrics={HELD_OUT_ACCURACY: unseen})
        return Measured(
            label=config.label,
            summary={
                HELD_OUT_ACCURACY: unseen,
                "seen_tasks_accuracy": seen,
                "chance": 1 / data.classes,
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
                "state_size": state_size(self.model),
            },
            records=records,
            environment=environment(self.runtime),
        )

    def _test_size(self, sequences: int) -> SequenceTestSize:
        """Tests of this many sequences, as long as those of the training."""
        config = self.config
        return SequenceTestSize(
            sequences=sequences,
            context=config.context,
            seed=config.eval_seed,
            task_seed=config.seed,
            tasks=config.tasks,
        )
