"""Sequences of one task each, as a learner meets them: A x_1, A x_2, ... with the labels of the examples before.

At position t a learner sees A x_1 ... A x_t and ρ(y_1) ... ρ(y_{t-1}); it is asked for ρ(y_t).

Legend: B sequences, t examples, x inputs, C classes, N images, c classes in use.
Source: Kirsch et al. 2022 (arXiv 2212.04458), section 3.2.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn.functional import one_hot, pad

from icltool.gpicl.data.image_features import FeatureSplit
from icltool.gpicl.data.task_augmentation import TaskBatch, fixed_permutations


@dataclass(frozen=True, kw_only=True)
class TaskSequences:
    """B sequences of t examples: projected images A x and permuted labels ρ(y)."""

    inputs: Float[Tensor, "B t x"]
    labels: Int[Tensor, "B t"]
    classes: int

    def previous_labels(self) -> Float[Tensor, "B t C"]:
        """The label before each example, one-hot; zeros before the first."""
        hot = one_hot(self.labels[:, :-1], self.classes).to(self.inputs.dtype)
        return pad(hot, (0, 0, 1, 0))

    def to(self, device: torch.device) -> "TaskSequences":
        """The same sequences on another device."""
        return TaskSequences(inputs=self.inputs.to(device), labels=self.labels.to(device), classes=self.classes)


@dataclass(frozen=True, kw_only=True)
class SequencePlan:
    """How the sequences of a step are made.

    `classes` and `features` are how many are in use (None: all). A sequence with fewer classes has its own random ones;
    features beyond those in use are 0, and the others are scaled by √(all / in use), so that the length of x stays the
    same. `fixed_labels` sequences, the first ones, keep the labels unpermuted (the paper's biased batches).
    """

    context: int
    classes: int | None = None
    features: int | None = None
    fixed_labels: int = 0


@runtime_checkable
class TaskSource(Protocol):
    """Where tasks come from: a `TaskFamily`, or one that keeps the hot ones."""

    def batch(self, tasks: Int[Tensor, "B"]) -> TaskBatch:
        """These tasks, in this order."""
        ...


class SequenceSampler:
    """Draws sequences from one split of a data set."""

    def __init__(self, split: FeatureSplit, *, classes: int) -> None:
        self.split = split
        self.classes = classes
        counts = torch.bincount(split.labels, minlength=classes)
        self._by_class = split.labels.argsort(stable=True)
        self._starts = counts.cumsum(0) - counts
        self._counts = counts
        self._present = counts.nonzero().flatten()

    def draw(
        self, source: TaskSource, tasks: Int[Tensor, "B"], generator: Generator, plan: SequencePlan
    ) -> TaskSequences:
        """One sequence for each task; images are drawn with repetition."""
        drawn = self._images(len(tasks), generator, plan)
        features = self._features(drawn, plan)
        batch = source.batch(tasks)
        if plan.fixed_labels:
            fixed = fixed_permutations(plan.fixed_labels, classes=self.classes, device=batch.permutations.device)
            permuted = batch.permutations[plan.fixed_labels :]
            batch = TaskBatch(projections=batch.projections, permutations=torch.cat([fixed, permuted]))
        device = batch.projections.device
        return TaskSequences(
            inputs=batch.project(features.to(device)),
            labels=batch.relabel(self.split.labels[drawn].to(device)),
            classes=self.classes,
        )

    def _images(self, count: int, generator: Generator, plan: SequencePlan) -> Int[Tensor, "B t"]:
        """Which image stands where: uniform over the split, or over a few classes and then inside the class."""
        shape = (count, plan.context)
        if plan.classes is None or plan.classes >= len(self._present):
            return torch.randint(len(self.split.labels), shape, generator=generator)
        shuffled = torch.rand(count, len(self._present), generator=generator).argsort(dim=1)
        chosen = self._present[shuffled[:, : plan.classes]]
        classes = chosen.gather(1, torch.randint(plan.classes, shape, generator=generator))
        # A float32 below 1 times a class's size can round up to the size itself.
        inside = (torch.rand(shape, generator=generator) * self._counts[classes]).long()
        return self._by_class[self._starts[classes] + inside.minimum(self._counts[classes] - 1)]

    def _features(self, drawn: Int[Tensor, "B t"], plan: SequencePlan) -> Float[Tensor, "B t x"]:
        flat = self.split.features[rearrange(drawn, "B t -> (B t)")]
        total = flat.shape[1]
        if plan.features is not None and plan.features < total:
            flat[:, plan.features :] = 0
            flat *= (total / plan.features) ** 0.5
        return rearrange(flat, "(B t) x -> B t x", B=drawn.shape[0])
