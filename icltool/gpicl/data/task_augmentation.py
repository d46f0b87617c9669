"""Task augmentation: from one data set as many tasks as wanted, each a random projection and a label permutation.

    task i:  x → A x,  A_jk ~ N(0, 1 / N_x);   y → ρ(y),  ρ uniform over the permutations of the classes

Task i is a pure function of (seed, stream, i), made anew each time it is drawn: any number of tasks costs the memory
of one batch. Tasks of different streams are disjoint: their counters never coincide.

Legend: B tasks, x = N_x inputs, C classes, t examples.
Source: Kirsch et al. 2022 (arXiv 2212.04458), section 3.1.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor

from icltool.core.seeding import derived_seed
from icltool.gpicl.data.philox import MASK, normal_quantiles, philox

Stream = Literal["training", "unseen"]
# The counter's last word: what a block of random words is for.
_PURPOSES: dict[tuple[Stream, str], int] = {
    ("training", "projection"): 0,
    ("training", "permutation"): 1,
    ("unseen", "projection"): 2,
    ("unseen", "permutation"): 3,
}
# Each block of four 32-bit words makes eight numbers of 16 bits.
PER_BLOCK = 8
CACHE_BYTES = 2**25


@dataclass(frozen=True, kw_only=True)
class TaskBatch:
    """B tasks: their projections A and label permutations (permutations[b, y] = ρ_b(y))."""

    projections: Float[Tensor, "B x x"]
    permutations: Int[Tensor, "B C"]

    def project(self, features: Float[Tensor, "B t x"]) -> Float[Tensor, "B t x"]:
        """A x for every example of every task."""
        return torch.bmm(features, self.projections.mT)

    def relabel(self, labels: Int[Tensor, "B t"]) -> Int[Tensor, "B t"]:
        """ρ(y) for every example of every task."""
        return self.permutations.gather(1, labels)


class TaskFamily:
    """All tasks of a seed and a stream."""

    def __init__(
        self, seed: int, *, inputs: int, classes: int, stream: Stream = "training", device: torch.device | None = None
    ) -> None:
        self.inputs = inputs
        self.classes = classes
        self.stream: Stream = stream
        self.device = device or torch.device("cpu")
        self._key = derived_seed(seed, "tasks")
        self._normal = normal_quantiles(device=self.device) / inputs**0.5

    def batch(self, tasks: Int[Tensor, "B"]) -> TaskBatch:
        """These tasks, in this order."""
        return TaskBatch(projections=self.projections(tasks), permutations=self.permutations(tasks))

    def projections(self, tasks: Int[Tensor, "B"]) -> Float[Tensor, "B x x"]:
        """A of each task, entries N(0, 1 / N_x)."""
        numbers = self.inputs**2
        words = self._words(tasks, "projection", blocks=-(-numbers // PER_BLOCK))
        halves = torch.cat([words & 0xFFFF, words >> 16])
        entries = self._normal.index_select(0, rearrange(halves, "word B block -> (B word block)"))
        entries = rearrange(entries, "(B entry) -> B entry", B=len(tasks))[:, :numbers]
        return rearrange(entries, "B (row column) -> B row column", row=self.inputs)

    def permutations(self, tasks: Int[Tensor, "B"]) -> Int[Tensor, "B C"]:
        """ρ of each task: the order of as many random words as there are classes."""
        words = self._words(tasks, "permutation", blocks=-(-self.classes // 4))
        return rearrange(words, "word B block -> B (block word)")[:, : self.classes].argsort(dim=1, stable=True)

    def _words(self, tasks: Int[Tensor, "B"], purpose: str, *, blocks: int) -> Int[Tensor, "4 B k"]:
        """Four words for each task and block; the counter is (block, task, purpose)."""
        tasks = rearrange(tasks.to(self.device), "B -> B 1")
        block = rearrange(torch.arange(blocks, device=self.device), "k -> 1 k")
        use = torch.full_like(tasks, _PURPOSES[self.stream, purpose])
        return torch.stack(philox((block, tasks & MASK, tasks >> 32, use), key=self._key))


class CachedTasks:
    """A task family that keeps the tasks drawn last, up to a fixed number of bytes: for when there are few tasks.

    With many tasks a kept one is hardly ever drawn again, and nothing is kept.
    """

    def __init__(self, family: TaskFamily, *, tasks: int, capacity_bytes: int = CACHE_BYTES) -> None:
        self.family = family
        room = capacity_bytes // (4 * family.inputs**2 + 8 * family.classes)
        self.capacity = min(tasks, room) if tasks <= 4 * room else 0
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._projections = torch.empty(self.capacity, family.inputs, family.inputs, device=family.device)
        self._permutations = torch.empty(self.capacity, family.classes, dtype=torch.int64, device=family.device)

    def batch(self, tasks: Int[Tensor, "B"]) -> TaskBatch:
        """These tasks, in this order; the same as the family's own."""
        distinct, place = tasks.cpu().unique(return_inverse=True)
        if self.capacity < len(distinct):
            return self.family.batch(tasks)
        slots = self._slots_of(distinct)[place].to(self.family.device)
        return TaskBatch(projections=self._projections[slots], permutations=self._permutations[slots])

    def _slots_of(self, distinct: Int[Tensor, "b"]) -> Int[Tensor, "b"]:
        """Where each of these tasks is kept, after making those that were not."""
        numbers: list[int] = distinct.tolist()
        missing = [task for task in numbers if task not in self._slots]
        for task in numbers:
            if task in self._slots:
                self._slots.move_to_end(task)
        for task in missing:
            full = len(self._slots) == self.capacity
            self._slots[task] = self._slots.popitem(last=False)[1] if full else len(self._slots)
        if missing:
            made = self.family.batch(torch.tensor(missing))
            where = torch.tensor([self._slots[task] for task in missing], device=self.family.device)
            self._projections[where] = made.projections
            self._permutations[where] = made.permutations
        return torch.tensor([self._slots[task] for task in numbers])


def fixed_permutations(count: int, *, classes: int, device: torch.device | None = None) -> Int[Tensor, "B C"]:
    """The permutation of biased sequences: labels as they are."""
    return repeat(torch.arange(classes, device=device), "C -> B C", B=count)
