"""`gpicl-test`: what a learner gets right, position by position, on tasks and images it has and has not met."""

from pathlib import Path

from icltool.core.errors import InputError
from icltool.core.files import sha256_of
from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import Measured, measured_once
from icltool.core.runtime import environment, prepare, restored_process
from icltool.core.study import RunRequest
from icltool.gpicl.data.classification_data import ClassificationData, classification_data_like
from icltool.gpicl.data.config import DATASETS, DatasetName
from icltool.gpicl.evaluation.accuracy_records import IMPROVEMENT, accuracy_records, last_accuracy
from icltool.gpicl.evaluation.in_context_accuracy import SequenceTest, SequenceTestSize, own_tests, right_answers
from icltool.gpicl.learners.all_learners import state_size
from icltool.gpicl.learners.checkpoint import GpiclCheckpoint, load_gpicl_checkpoint
from icltool.gpicl.studies.test import GPICL_TEST
from icltool.gpicl.studies.test.config import GpiclTestConfig
from icltool.gpicl.studies.test.from_scratch import NAME, sgd_records
from icltool.gpicl.studies.train.config import OWN_TESTS


@restored_process()
def run(config: GpiclTestConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Test a checkpoint; a finished run of the same settings on the same file is returned at once.

    Raises `InputError` for a bad checkpoint, or data or sequences that do not fit it.
    """
    checkpoint = load_gpicl_checkpoint(Path(config.checkpoint))
    dataset = config.dataset or _trained_dataset(checkpoint)
    size = SequenceTestSize(
        sequences=config.eval_prompts,
        context=config.context or checkpoint.architecture.context,
        seed=config.eval_seed,
        task_seed=_trained_number(checkpoint, "seed"),
        tasks=_trained_number(checkpoint, "tasks"),
    )
    # What is left open is fixed before the run is named, so that asking for it explicitly is the same run.
    features = config.features or checkpoint.preprocessing.features
    settled = config.resolved().model_copy(update={"dataset": dataset, "features": features, "context": size.context})
    return measured_once(
        GPICL_TEST,
        settled,
        slug=f"{checkpoint.run_name}-{dataset}",
        request=request,
        inputs={"checkpoint": sha256_of(checkpoint.path)},
        measure=lambda _: _measure(settled, checkpoint, dataset, size, on_step),
    )


def _measure(
    config: GpiclTestConfig, checkpoint: GpiclCheckpoint, dataset: DatasetName, size: SequenceTestSize, on_step: OnStep
) -> Measured:
    runtime = prepare(config)
    model = checkpoint.model.to(runtime.device)
    tests = _tests(config, checkpoint, dataset)
    label = checkpoint.architecture.label
    records: list[Row] = []
    steps = len(tests) + config.sgd
    for number, test in enumerate(tests):
        on_step(StepProgress(step=number, steps=steps, phase=test.name))
        records += accuracy_records(label, test, right_answers(model, test, size, runtime))
    improvement = {row["test"]: row["mean"] for row in records if row["measure"] == IMPROVEMENT}
    sgd_rows: list[Row] = []
    sgd_summary: dict[str, Value] = {}
    if config.sgd:
        on_step(StepProgress(step=len(tests), steps=steps, phase=NAME))
        sgd_rows, sgd_summary = sgd_records(tests, size, runtime, width=config.sgd_width)
    on_step(StepProgress(step=steps, steps=steps, phase="done"))
    return Measured(
        label=label,
        summary={
            "unseen_tasks_accuracy": last_accuracy(records, tests[0].name)["mean"],
            "unseen_tasks_improvement": improvement[tests[0].name],
            "seen_tasks_accuracy": last_accuracy(records, tests[1].name)["mean"],
            "seen_tasks_improvement": improvement[tests[1].name],
            **{f"{test.data.name}_accuracy": last_accuracy(records, test.name)["mean"] for test in tests[OWN_TESTS:]},
            "chance": 1 / checkpoint.shape.classes,
            "sequences": config.eval_prompts,
            "tasks": size.tasks,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "state_size": state_size(model),
            "trained_steps": checkpoint.step,
            **sgd_summary,
        },
        records=[*records, *sgd_rows],
        environment=environment(runtime),
        settings={"tasks": size.tasks},
    )


def _tests(config: GpiclTestConfig, checkpoint: GpiclCheckpoint, dataset: DatasetName) -> list[SequenceTest]:
    """Unseen and seen tasks on test images, seen tasks on training images, then unseen tasks on every other set."""
    own = _data(dataset, config, checkpoint, data_dir=config.data_dir)
    others: list[ClassificationData] = []
    for name in config.other_datasets:
        if name != own.name:
            # Files of two sets may have the same names, so another set has a subfolder of its own.
            folder = None if config.data_dir is None else Path(config.data_dir) / name
            found = str(folder) if folder is not None and folder.is_dir() else None
            others.append(_data(name, config, checkpoint, data_dir=found))
    return [
        *own_tests(own),
        *(SequenceTest(data=data, tasks="unseen", images="test") for data in others),
    ]


def _data(
    name: DatasetName, config: GpiclTestConfig, checkpoint: GpiclCheckpoint, *, data_dir: str | None
) -> ClassificationData:
    return classification_data_like(
        name,
        checkpoint.preprocessing.model_copy(update={"features": config.features}),
        shape=checkpoint.shape.images,
        inputs=checkpoint.shape.inputs,
        classes=checkpoint.shape.classes,
        data_dir=data_dir,
    )


def _trained_dataset(checkpoint: GpiclCheckpoint) -> DatasetName:
    """The data set of the training, from the checkpoint's header."""
    found = _trained(checkpoint, "dataset")
    for name in DATASETS:
        if name == found:
            return name
    raise InputError(f"{checkpoint.path}: its header names the data set {found!r}, which this icltool does not know")


def _trained_number(checkpoint: GpiclCheckpoint, name: str) -> int:
    """A whole number of the training's settings, from the checkpoint's header."""
    found = _trained(checkpoint, name)
    if not isinstance(found, int) or isinstance(found, bool):
        raise InputError(f"{checkpoint.path}: its header's {name} is not a whole number; the file is damaged")
    return found


def _trained(checkpoint: GpiclCheckpoint, name: str) -> object:
    """A setting of the training, from the checkpoint's header."""
    if name not in checkpoint.config:
        raise InputError(
            f"{checkpoint.path}: its header does not say the {name} it was trained with; the file is damaged"
        )
    return checkpoint.config[name]
