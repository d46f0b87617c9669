"""Tasks: what they are made of, their statistics, their independence of batches and caches, their memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from icltool.core.seeding import derived_seed
from icltool.gpicl.data.task_augmentation import CachedTasks, TaskBatch, TaskFamily
from tests.reference.task_plain import permutation_plain, projection_plain
from tests.waiting import PATIENCE


@pytest.mark.parametrize(("stream", "offset"), [("training", 0), ("unseen", 2)])
@pytest.mark.parametrize("task", [0, 5, 2**32 + 1, 2**61])
def test_a_task_is_the_plain_one(stream: str, offset: int, task: int) -> None:
    family = TaskFamily(11, inputs=5, classes=10, stream=stream)  # pyright: ignore[reportArgumentType] - a parameter
    batch = family.batch(torch.tensor([3, task]))
    key = derived_seed(11, "tasks")
    expected = projection_plain(key, task, inputs=5, purpose=offset)
    # The plain one leaves out the variance's last digits: 2^16 quantiles have a variance a little under 1.
    np.testing.assert_allclose(batch.projections[1].numpy(), np.array(expected), rtol=1e-3)
    assert batch.permutations[1].tolist() == permutation_plain(key, task, classes=10, purpose=offset + 1)


def test_a_task_does_not_depend_on_its_batch() -> None:
    family = TaskFamily(0, inputs=6, classes=4)
    together = family.batch(torch.tensor([9, 1, 9, 2**40]))
    alone = TaskFamily(0, inputs=6, classes=4).batch(torch.tensor([9]))
    assert torch.equal(together.projections[0], alone.projections[0])
    assert torch.equal(together.projections[2], alone.projections[0])
    assert torch.equal(together.permutations[2], alone.permutations[0])
    other = TaskFamily(1, inputs=6, classes=4).batch(torch.tensor([9]))
    assert not torch.allclose(other.projections, alone.projections)


def test_projections_have_std_one_over_root_n_and_independent_columns() -> None:
    """Column lengths ~ chi-square(N) / N and column products of variance 1 / N, by their known standard errors."""
    tasks, n = 2000, 16
    entries = TaskFamily(3, inputs=n, classes=10).projections(torch.arange(tasks)).double()
    assert float(entries.mean()) == pytest.approx(0, abs=4 * (1 / n / entries.numel()) ** 0.5)
    assert stats.kstest(entries.flatten()[:50_000].numpy() * n**0.5, "norm").pvalue > 0.001
    lengths = entries.square().sum(1)
    assert float(lengths.mean()) == pytest.approx(1, abs=4 * (2 / n / lengths.numel()) ** 0.5)
    assert float(lengths.var()) == pytest.approx(2 / n, rel=0.05)
    products = (entries.mT @ entries)[:, ~torch.eye(n, dtype=torch.bool)]
    assert float(products.mean()) == pytest.approx(0, abs=4 * (1 / n / (products.numel() / 2)) ** 0.5)
    assert float(products.var()) == pytest.approx(1 / n, rel=0.05)
    # Neighbouring tasks share nothing.
    neighbours = (entries[1:] * entries[:-1]).mean() * n
    assert float(neighbours) == pytest.approx(0, abs=4 / entries[1:].numel() ** 0.5)


@pytest.mark.parametrize("stream", ["training", "unseen"])
def test_permutations_are_uniform(stream: str) -> None:
    """All 24 permutations of four classes equally often: chi-square over tasks, by scipy."""
    family = TaskFamily(5, inputs=2, classes=4, stream=stream)  # pyright: ignore[reportArgumentType] - a parameter
    found = family.permutations(torch.arange(12_000))
    codes = (found * torch.tensor([64, 16, 4, 1])).sum(1)
    _, counts = np.unique(codes.numpy(), return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 0.001
    ten = TaskFamily(5, inputs=2, classes=10).permutations(torch.arange(5000))
    assert torch.equal(ten.sort(1).values, torch.arange(10).expand(5000, 10))
    for label in range(10):
        assert stats.chisquare(np.bincount(ten[:, label].numpy(), minlength=10)).pvalue > 1e-4


def test_unseen_tasks_are_no_training_tasks() -> None:
    numbers = torch.arange(300)
    training = TaskFamily(0, inputs=4, classes=10).projections(numbers)
    unseen = TaskFamily(0, inputs=4, classes=10, stream="unseen").projections(numbers)
    distances = torch.cdist(training.flatten(1), unseen.flatten(1))
    assert float(distances.min()) > 0.1


@pytest.mark.parametrize("tasks", [1, 7, 40, 10**6])
def test_kept_tasks_are_the_familys_own(tasks: int) -> None:
    family = TaskFamily(0, inputs=4, classes=3)
    one = 4 * 16 + 8 * 3
    hot = CachedTasks(family, tasks=tasks, capacity_bytes=12 * one)
    random = torch.Generator().manual_seed(0)
    for _ in range(20):
        numbers = torch.randint(tasks, (9,), generator=random)
        found, expected = hot.batch(numbers), family.batch(numbers)
        assert torch.equal(found.projections, expected.projections)
        assert torch.equal(found.permutations, expected.permutations)
    assert hot.capacity == {1: 1, 7: 7, 40: 12, 10**6: 0}[tasks]


def test_the_task_drawn_longest_ago_is_dropped_first() -> None:
    family = TaskFamily(0, inputs=4, classes=3)
    made: list[list[int]] = []
    original = family.batch

    def counting(tasks: torch.Tensor) -> TaskBatch:
        made.append(tasks.tolist())
        return original(tasks)

    family.batch = counting  # pyright: ignore[reportAttributeAccessIssue] - watched, not changed
    hot = CachedTasks(family, tasks=8, capacity_bytes=2 * (4 * 16 + 8 * 3))
    for task in (1, 2, 1, 3, 1, 2):
        hot.batch(torch.tensor([task]))
    assert made == [[1], [2], [3], [2]]


MEMORY = """
import resource, sys, torch
torch.set_num_threads(1)
from icltool.gpicl.data.task_augmentation import CachedTasks, TaskFamily
tasks = int(sys.argv[1])
source = CachedTasks(TaskFamily(0, inputs=64, classes=10), tasks=tasks)
random = torch.Generator().manual_seed(0)
for _ in range(20):
    source.batch(torch.randint(tasks, (64,), generator=random))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_tasks() -> None:
    """Peak memory, in kilobytes, of one task and of 2^24; what is kept of hot tasks has at most 32 MiB."""
    command = [sys.executable, "-c", MEMORY]
    peaks = [
        int(subprocess.run([*command, str(tasks)], check=True, capture_output=True, timeout=PATIENCE).stdout)
        for tasks in (1, 2**24)
    ]
    assert max(peaks) - min(peaks) < 60_000
    # All 2^24 projections would take 2^24 · 64 · 64 · 4 bytes, 256 GiB.
