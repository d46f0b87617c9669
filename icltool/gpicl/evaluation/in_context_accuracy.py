"""Which answers of an in-context learner are right, at every position of many sequences.

Position t is answered with t - 1 examples seen.

Legend: B sequences, t examples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor, nn

from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.gpicl.data.classification_data import ClassificationData
from icltool.gpicl.data.task_augmentation import TaskFamily
from icltool.gpicl.data.task_sequences import SequencePlan, TaskSequences

CHUNK = 128
# Unseen tasks are numbered from 0 in a stream of their own; among this many none comes twice in a test.
UNSEEN_TASKS = 2**40


@dataclass(frozen=True, kw_only=True)
class SequenceTest:
    """Sequences to test on: whose images, which split of them, and tasks met in training or never."""

    data: ClassificationData
    tasks: Literal["seen", "unseen"]
    images: Literal["train", "test"]

    @property
    def name(self) -> str:
        """What a figure calls it: `digits: unseen tasks`; training images are said."""
        images = ", train images" if self.images == "train" else ""
        return f"{self.data.name}: {self.tasks} tasks{images}"


def own_tests(data: ClassificationData) -> list[SequenceTest]:
    """On a learner's own data set: unseen and seen tasks on test images, then seen tasks on training images."""
    return [
        SequenceTest(data=data, tasks="unseen", images="test"),
        SequenceTest(data=data, tasks="seen", images="test"),
        SequenceTest(data=data, tasks="seen", images="train"),
    ]


@dataclass(frozen=True, kw_only=True)
class SequenceTestSize:
    """How many sequences of how many examples, from which seed; and the seed and number of the training's tasks."""

    sequences: int
    context: int
    seed: int
    task_seed: int
    tasks: int


def sequences_of(test: SequenceTest, size: SequenceTestSize) -> Iterator[TaskSequences]:
    """The sequences of a test in chunks; they depend on the test set and its size alone."""
    stream = "training" if test.tasks == "seen" else "unseen"
    family = TaskFamily(size.task_seed, inputs=test.data.inputs, classes=test.data.classes, stream=stream)
    sampler = test.data.train if test.images == "train" else test.data.test
    plan = SequencePlan(context=size.context)
    for chunk, start in enumerate(range(0, size.sequences, CHUNK)):
        random = generator(size.seed, "test", test.name, chunk)
        count = min(CHUNK, size.sequences - start)
        tasks = draw_tasks(count, random, tasks=size.tasks if test.tasks == "seen" else UNSEEN_TASKS)
        yield sampler.draw(family, tasks, random, plan)


def draw_tasks(count: int, random: Generator, *, tasks: int) -> Int[Tensor, "B"]:
    """Numbers of tasks, uniform and with repetition."""
    return torch.randint(tasks, (count,), generator=random)


def right_answers(
    model: nn.Module,
    test: SequenceTest,
    size: SequenceTestSize,
    runtime: Runtime,
    *,
    positions: Sequence[int] | None = None,
) -> Bool[Tensor, "B t"]:
    """Where the learner's most likely label is the right one; on the CPU, in bounded memory.

    `positions` asks a learner that can answer at some alone (those that fit an MLP to each context) for these.
    """
    parts: list[Tensor] = []
    asked = {} if positions is None else {"positions": torch.tensor(positions, device=runtime.device)}
    model.eval()
    with torch.no_grad(), runtime.autocast():
        for sequences in sequences_of(test, size):
            moved = sequences.to(runtime.device)
            answers = model(moved.inputs, moved.previous_labels(), **asked).argmax(dim=-1)
            labels = moved.labels if positions is None else moved.labels[:, asked["positions"]]
            parts.append((answers == labels).cpu())
    return torch.cat(parts)
