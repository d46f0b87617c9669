"""Sequences: previous labels, classes and features in use, biased batches, and where their images come from."""

import pytest
import torch

from icltool.core.seeding import generator
from icltool.gpicl.data.image_features import FeatureSplit
from icltool.gpicl.data.task_augmentation import TaskFamily
from icltool.gpicl.data.task_sequences import SequencePlan, SequenceSampler, TaskSequences

COUNTS = (5, 0, 1, 9)


def split() -> FeatureSplit:
    """Fifteen images whose features tell which image they are, of three of four classes."""
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(COUNTS)])
    shuffled = labels[torch.randperm(15, generator=torch.Generator().manual_seed(0))]
    features = torch.randn(15, 6, generator=torch.Generator().manual_seed(1))
    return FeatureSplit(features=features, labels=shuffled)


def draw(plan: SequencePlan, count: int = 32) -> tuple[TaskSequences, torch.Tensor, torch.Tensor]:
    """Sequences, and for each example the image and the unpermuted label it must come from, found by undoing A."""
    family = TaskFamily(0, inputs=6, classes=4)
    tasks = torch.arange(count)
    drawn = SequenceSampler(split(), classes=4).draw(family, tasks, generator(0, "test"), plan)
    original = torch.linalg.solve(family.projections(tasks).double(), drawn.inputs.double().mT).mT
    images = torch.cdist(original, split().features.double().expand(count, 15, 6)).argmin(-1)
    return drawn, original, images


def test_the_label_of_an_example_is_shown_one_position_later() -> None:
    labels = torch.tensor([[2, 0, 1], [1, 1, 0]])
    sequences = TaskSequences(inputs=torch.zeros(2, 3, 5), labels=labels, classes=3)
    expected = [
        [[0, 0, 0], [0, 0, 1], [1, 0, 0]],
        [[0, 0, 0], [0, 1, 0], [0, 1, 0]],
    ]
    assert sequences.previous_labels().tolist() == expected


def test_an_example_is_a_projected_image_and_its_permuted_label() -> None:
    drawn, original, images = draw(SequencePlan(context=20))
    torch.testing.assert_close(original, split().features.double()[images], rtol=1e-3, atol=1e-3)
    permutations = TaskFamily(0, inputs=6, classes=4).permutations(torch.arange(32))
    assert torch.equal(drawn.labels, permutations.gather(1, split().labels[images]))
    assert len(images.unique()) == 15


@pytest.mark.parametrize("classes", [1, 2])
def test_a_sequence_with_few_classes_has_its_own_random_ones(classes: int) -> None:
    _, _, images = draw(SequencePlan(context=40, classes=classes), count=64)
    found = [frozenset(row.unique().tolist()) for row in split().labels[images]]
    assert {len(labels) for labels in found} == {classes}
    # Only classes that have images, and every set of so many of them.
    assert len(set(found)) == 3
    # Inside a class every image comes up.
    assert len(images.unique()) == 15


def test_features_not_in_use_are_zero_and_the_length_stays() -> None:
    _, original, _ = draw(SequencePlan(context=30, features=2))
    assert float(original[..., 2:].abs().max()) < 1e-3
    allowed = split().features[:, 0].double() * 3**0.5
    distances = (original[..., :1] - allowed).abs().amin(-1)
    assert float(distances.max()) < 1e-3


def test_biased_sequences_keep_their_labels_and_have_projections_of_their_own() -> None:
    drawn, _, images = draw(SequencePlan(context=20, fixed_labels=10), count=16)
    plain = split().labels[images]
    assert torch.equal(drawn.labels[:10], plain[:10])
    permutations = TaskFamily(0, inputs=6, classes=4).permutations(torch.arange(16))
    assert torch.equal(drawn.labels[10:], permutations[10:].gather(1, plain[10:]))


def test_drawing_changes_no_image() -> None:
    given = split()
    sampler = SequenceSampler(given, classes=4)
    sampler.draw(TaskFamily(0, inputs=6, classes=4), torch.arange(4), generator(0), SequencePlan(context=9, features=1))
    assert torch.equal(given.features, split().features)
