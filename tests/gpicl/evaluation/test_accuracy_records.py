"""Intervals against scipy, and the records of a hand-made table of answers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from icltool.core.runtime import Runtime
from icltool.gpicl.data.classification_data import prepare_images
from icltool.gpicl.data.config import PreprocessingConfig
from icltool.gpicl.data.image_sets import load_image_set
from icltool.gpicl.evaluation.accuracy_records import (
    BY_POSITION,
    IMPROVEMENT,
    accuracy_records,
    improvement_interval,
    last_accuracy,
    wilson_interval,
)
from icltool.gpicl.evaluation.in_context_accuracy import SequenceTest, SequenceTestSize, right_answers, sequences_of


@given(total=st.integers(1, 3000), share=st.floats(0, 1))
def test_the_interval_of_a_share_is_scipys(total: int, share: float) -> None:
    right = round(share * total)
    judge = stats.binomtest(right, total).proportion_ci(method="wilson")
    found = wilson_interval(right, total)
    assert found == pytest.approx((right / total, judge.low, judge.high), abs=1e-12)


def test_the_improvement_is_paired() -> None:
    right = torch.zeros(400, 3, dtype=torch.bool)
    right[:200, 0] = True
    right[:300, 2] = True
    found = improvement_interval(right)
    # 100 sequences of 400 gain one: mean 1/4, variance 3/16 (· 400/399).
    error = (3 / 16 / 399) ** 0.5
    assert found.mean == pytest.approx(0.25)
    assert found.high - found.mean == pytest.approx(1.959963984540054 * error)


def sequence_test(tasks: str, images: str) -> SequenceTest:
    data = prepare_images(load_image_set("digits"), PreprocessingConfig(components=6))
    return SequenceTest(data=data, tasks=tasks, images=images)  # pyright: ignore[reportArgumentType] - parameters


def size(**changes: int) -> SequenceTestSize:
    given = {"sequences": 150, "context": 5, "seed": 0, "task_seed": 0, "tasks": 4, **changes}
    return SequenceTestSize(**given)


def test_records_say_what_was_tested() -> None:
    test = sequence_test("unseen", "test")
    right = torch.tensor([[False, True], [True, True], [False, True], [False, False]])
    rows = accuracy_records("m", test, right)
    assert [row["mean"] for row in rows if row["measure"] == BY_POSITION] == [0.25, 0.75]
    assert [row["mean"] for row in rows if row["measure"] == IMPROVEMENT] == [0.5]
    assert last_accuracy(rows, "digits: unseen tasks")["mean"] == 0.75
    assert {row["sequences"] for row in rows} == {4}


def test_seen_tasks_are_the_trainings_and_unseen_ones_are_not() -> None:
    """Undone by the training's four projections, seen sequences are images again; unseen ones are not."""
    from icltool.gpicl.data.task_augmentation import TaskFamily

    projections = TaskFamily(0, inputs=6, classes=10).projections(torch.arange(4)).double()
    for tasks, images in (("seen", "test"), ("seen", "train"), ("unseen", "test")):
        test = sequence_test(tasks, images)
        pool = (test.data.train if images == "train" else test.data.test).split.features.double()
        drawn = torch.cat([chunk.inputs for chunk in sequences_of(test, size())]).double()
        assert drawn.shape == (150, 5, 6)
        undone = torch.linalg.solve(projections[:, None], drawn.mT[None]).mT
        nearest = torch.cdist(undone, pool.expand(4, 150, *pool.shape)).amin(-1).amax(-1).amin(0)
        assert bool((nearest < 1e-2).all()) == (tasks == "seen")


class Parrot(torch.nn.Module):
    """Says the previous label again."""

    def forward(self, inputs: torch.Tensor, previous_labels: torch.Tensor) -> torch.Tensor:
        return previous_labels


def test_right_answers_are_counted_position_by_position() -> None:
    test = sequence_test("unseen", "test")
    found = right_answers(Parrot(), test, size(), Runtime(device=torch.device("cpu"), precision="f32", compiled=False))
    labels = torch.cat([chunk.labels for chunk in sequences_of(test, size())])
    assert torch.equal(found[:, 1:], labels[:, 1:] == labels[:, :-1])
    assert torch.equal(found[:, 0], labels[:, 0] == 0)
    other = torch.cat([chunk.labels for chunk in sequences_of(test, size(seed=1))])
    assert not torch.equal(labels, other)
