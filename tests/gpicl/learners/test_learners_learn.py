"""Every in-context learner beats chance on its own terms in a run of seconds.

The tasks: two classes, each a fresh random point of the plane in every sequence, examples scattered around them. What
is learnt in one sequence is worth nothing in the next, so accuracy beyond the first example is learning in context.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, pad

from icltool.core.seeding import generator
from icltool.gpicl.learners.context_mlp import MAML, ContextSGD, Descent
from icltool.gpicl.learners.lstm import LSTM
from icltool.gpicl.learners.memoriser import Memoriser
from icltool.gpicl.learners.outer_product_lstm import OuterProductLSTM
from icltool.gpicl.learners.vsml import VSML

X, C, T = 4, 2, 8
WEIGHTS = "weights"


def batch(sequences: int, *names: str | int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, previous labels, labels of fresh tasks."""
    random = generator(0, *names)
    labels = torch.randint(0, C, (sequences, T), generator=random)
    centres = torch.randn(sequences, C, X, generator=random)
    own = (one_hot(labels, C).float()[..., None] * centres[:, None]).sum(2)
    inputs = own + 0.2 * torch.randn(sequences, T, X, generator=random)
    return inputs, pad(one_hot(labels[:, :-1], C).float(), (0, 0, 1, 0)), labels


def signs(sequences: int, *names: str | int) -> tuple[Tensor, Tensor, Tensor]:
    """The plainest family: two fixed images, and which of them is called what is up to the sequence."""
    random = generator(0, *names)
    labels = torch.randint(0, C, (sequences, T), generator=random)
    swapped = torch.randint(0, 2, (sequences, 1), generator=random)
    inputs = one_hot((labels + swapped) % 2, X).float()
    return inputs, pad(one_hot(labels[:, :-1], C).float(), (0, 0, 1, 0)), labels


def meta_train(model: nn.Module, data: Callable[..., tuple[Tensor, Tensor, Tensor]], *, steps: int, lr: float) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        inputs, previous, labels = data(32, "train", step)
        optimiser.zero_grad()
        cross_entropy(model(inputs, previous).flatten(0, 1), labels.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()


@torch.no_grad()
def accuracy(model: nn.Module, data: tuple[Tensor, Tensor, Tensor]) -> tuple[float, float]:
    """On the first and on the last example."""
    inputs, previous, labels = data
    right = (model(inputs, previous).argmax(-1) == labels).float().mean(0)
    return float(right[0]), float(right[-1])


SHAPE: dict[str, Any] = {"inputs": X, "classes": C}


@pytest.mark.parametrize(
    ("model", "data", "steps", "lr"),
    [
        (LSTM(**SHAPE, width=32, layers=1, generator=generator(0, WEIGHTS)), signs, 250, 3e-3),
        (OuterProductLSTM(**SHAPE, width=16, layers=1, heads=2, generator=generator(0, WEIGHTS)), batch, 200, 1e-2),
        (VSML(**SHAPE, width=1, layers=1, generator=generator(0, WEIGHTS)), batch, 120, 1e-2),
        (MAML(**SHAPE, width=16, steps=2, step_size=0.5, generator=generator(0, WEIGHTS)), batch, 200, 1e-2),
    ],
    ids=["lstm", "op-lstm", "vsml", "maml"],
)
def test_meta_training_teaches_to_learn_in_context(
    model: nn.Module, data: Callable[..., tuple[Tensor, Tensor, Tensor]], steps: int, lr: float
) -> None:
    meta_train(model, data, steps=steps, lr=lr)
    first, last = accuracy(model, data(512, "test"))
    assert 0.4 < first < 0.6
    assert last > 0.85


def test_sgd_from_scratch_learns_in_context_untrained() -> None:
    model = ContextSGD(**SHAPE, width=16, descent=Descent(steps=20, step_size=0.5), generator=generator(0, WEIGHTS))
    first, last = accuracy(model, batch(512, "test"))
    assert 0.4 < first < 0.6
    assert last > 0.85


def test_the_memoriser_fits_what_it_has_seen_and_nothing_else() -> None:
    model = Memoriser(**SHAPE, width=64, layers=2, generator=generator(0, WEIGHTS))
    seen = batch(8, "seen")
    meta_train(model, lambda *_: seen, steps=300, lr=1e-2)
    with torch.no_grad():
        assert (model(*seen[:2]).argmax(-1) == seen[2]).float().mean() > 0.95
    unseen = batch(512, "test")
    with torch.no_grad():
        assert (model(*unseen[:2]).argmax(-1) == unseen[2]).float().mean() == pytest.approx(0.5, abs=0.05)
