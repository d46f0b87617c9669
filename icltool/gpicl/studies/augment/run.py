"""`gpicl-augment`: one image under several tasks, the statistics of many, and sequences to take away."""

from collections.abc import Iterator
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from icltool.core.errors import UsageError
from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.result import Result, Row
from icltool.core.run_folder import Measured, RunFolder, measured_once
from icltool.core.runtime import environment, prepare, restored_process
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.core.tensor_files import write_tensor_file
from icltool.gpicl.data.classification_data import ClassificationData, prepare_images
from icltool.gpicl.data.image_sets import ImageSet, load_image_set
from icltool.gpicl.data.task_augmentation import TaskFamily
from icltool.gpicl.data.task_sequences import SequencePlan
from icltool.gpicl.evaluation.in_context_accuracy import draw_tasks
from icltool.gpicl.studies.augment import GPICL_AUGMENT, SEQUENCES
from icltool.gpicl.studies.augment.config import GpiclAugmentConfig
from icltool.gpicl.studies.augment.statistics import task_statistics

PREVIEW = "preview"
MAX_NUMBERS = 5 * 10**8
CHUNK = 256


@restored_process()
def run(config: GpiclAugmentConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Look at the tasks; a finished run of the same settings is returned at once.

    Raises `InputError` when the data set cannot be read, `UsageError` when it has no such image, or the sequences asked
    for are too many to write.
    """
    config = config.resolved()
    return measured_once(
        GPICL_AUGMENT,
        config,
        slug=config.slug,
        request=request,
        measure=lambda folder: _measure(config, folder, on_step),
    )


def _measure(config: GpiclAugmentConfig, folder: RunFolder, on_step: OnStep) -> Measured:
    runtime = prepare(config)
    images = load_image_set(config.dataset, data_dir=config.data_dir, resize=config.resize, grey=config.grey)
    if config.image >= len(images.train):
        raise UsageError(f"--image {config.image}: the training split of {images.name} has {len(images.train)} images")
    data = prepare_images(images, config)
    family = TaskFamily(config.seed, inputs=data.inputs, classes=data.classes)
    on_step(StepProgress(step=0, steps=2, phase="statistics"))
    # All the tasks where they are few, else a sample of them.
    numbers = draw_tasks(config.sample, generator(config.seed, "statistics"), tasks=config.tasks)
    statistics = task_statistics(family, torch.arange(config.tasks) if config.tasks <= config.sample else numbers)
    on_step(StepProgress(step=1, steps=2, phase="sequences"))
    if config.sequences:
        _write_sequences(folder.path / SEQUENCES, data, family, config)
    on_step(StepProgress(step=2, steps=2, phase="done"))
    return Measured(
        label=f"{images.name} image {config.image}",
        summary={
            "training_images": len(images.train),
            "test_images": len(images.test),
            "inputs": data.inputs,
            "classes": data.classes,
            "tasks": config.tasks,
            **statistics,
        },
        records=[*_preview(images, data, family, config)],
        environment=environment(runtime),
    )


def _preview(
    images: ImageSet, data: ClassificationData, family: TaskFamily, config: GpiclAugmentConfig
) -> Iterator[Row]:
    """The image itself (task None), then its projection and label under the first tasks, a row a number."""
    pixels, label = images.train.images[config.image], images.train.labels[config.image]
    yield from _numbers(_plane(pixels, images.shape), task=None, label=int(label))
    batch = family.batch(torch.arange(min(config.preview, config.tasks)))
    count = len(batch.permutations)
    features = data.train.split.features[config.image].expand(count, 1, data.inputs)
    projected = rearrange(batch.project(features), "B 1 x -> B x")
    labels = batch.relabel(label.expand(count, 1))
    for task in range(count):
        plane = _plane(projected[task], images.shape if config.features == "pixels" else None)
        yield from _numbers(plane, task=task, label=int(labels[task, 0]))


def _plane(numbers: Tensor, shape: tuple[int, ...] | None) -> Tensor:
    """As rows and columns: of the image (colours averaged), or as square as the numbers allow."""
    if shape is None:
        columns = max(side for side in range(1, int(len(numbers) ** 0.5) + 1) if len(numbers) % side == 0)
        return rearrange(numbers, "(rows columns) -> rows columns", rows=columns)
    channels = shape[2] if len(shape) == 3 else 1
    cube = rearrange(numbers, "(rows columns channels) -> rows columns channels", rows=shape[0], channels=channels)
    return cube.mean(dim=-1)


def _numbers(plane: Tensor, *, task: int | None, label: int) -> Iterator[Row]:
    values: list[list[float]] = plane.tolist()
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            yield {
                "measure": PREVIEW,
                "task": task,
                "label": label,
                "row": row,
                "column": column,
                "value": round(value, 5),
            }


def _write_sequences(path: Path, data: ClassificationData, family: TaskFamily, config: GpiclAugmentConfig) -> None:
    """Training sequences in one file: inputs [B, t, x], labels [B, t] and tasks [B]."""
    numbers = config.sequences * config.context * data.inputs
    if numbers > MAX_NUMBERS:
        raise UsageError(
            f"{config.sequences} sequences are {numbers:.1e} numbers, at most {MAX_NUMBERS:.0e} are written; "
            "ask for fewer --sequences or a smaller --context"
        )
    random = generator(config.seed, "sequences to take away")
    inputs: list[Tensor] = []
    labels: list[Tensor] = []
    tasks = draw_tasks(config.sequences, random, tasks=config.tasks)
    for chunk in tasks.split(CHUNK):
        drawn = data.train.draw(family, chunk, random, SequencePlan(context=config.context))
        inputs.append(drawn.inputs)
        labels.append(drawn.labels)
    tensors = {"inputs": torch.cat(inputs), "labels": torch.cat(labels), "tasks": tasks}
    header = {
        "kind": "task-sequences",
        "study": GPICL_AUGMENT.name,
        "config": config.identity(),
        "classes": data.classes,
    }
    write_tensor_file(path, tensors, header)
