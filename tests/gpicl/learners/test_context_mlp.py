"""The learners that fit an MLP to the context: gradients by hand, a plain loop, causality, the search."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from icltool.core.errors import InputError
from icltool.core.seeding import generator
from icltool.gpicl.learners.context_mlp import MAML, ContextSGD, Descent

B, T, X, C, WIDTH = 3, 6, 4, 3, 5


def sequences(batch: int = B, t: int = T) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, the labels before each position as one-hot rows, the labels: Gaussian clusters, a new set a sequence."""
    random = torch.Generator().manual_seed(5)
    labels = torch.randint(0, C, (batch, t), generator=random)
    centres = 2 * torch.randn(batch, C, X, dtype=torch.float64, generator=random)
    noise = 0.3 * torch.randn(batch, t, X, dtype=torch.float64, generator=random)
    inputs = torch.stack([centres[b][labels[b]] for b in range(batch)]) + noise
    previous = torch.zeros(batch, t, C, dtype=torch.float64)
    previous[:, 1:] = torch.eye(C, dtype=torch.float64)[labels[:, :-1]]
    return inputs, previous, labels


def maml(steps: int) -> MAML:
    return MAML(
        inputs=X, classes=C, width=WIDTH, steps=steps, step_size=0.2, generator=generator(0, "weights")
    ).double()


def sgd(steps: int, step_size: float = 0.2) -> ContextSGD:
    descent = Descent(steps=steps, step_size=step_size)
    return ContextSGD(inputs=X, classes=C, width=WIDTH, descent=descent, generator=generator(0, "weights")).double()


def test_one_inner_step_by_hand() -> None:
    """Two examples, a network that is linear there (all its hidden units on): softmax(z) - y is the slope of the loss.

    With W1 = I, b1 = 10 > -x and W2, b2 = 0 the logits are W2 (x + 10) + b2 = 0, so softmax is uniform, 1/2. The
    slope of b2 is the mean of 1/2 - y, that of W2 the mean of (1/2 - y)(x + 10)ᵀ, those of W1 and b1 are 0 as W2 is.
    After the step the logits of a query are -η Σ_j (1/2 - y_j)((x_j + 10)·(x + 10) + 1) / 2.
    """
    model = MAML(inputs=2, classes=2, width=2, steps=1, step_size=0.01).double()
    with torch.no_grad():
        model.start["W1"].copy_(torch.eye(2))
        model.start["b1"].fill_(10)
        model.start["W2"].zero_()
        model.start["b2"].zero_()
    inputs = torch.tensor([[[1.0, 2.0], [-3.0, 1.0], [2.0, -1.0]]], dtype=torch.float64)
    previous = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    logits = model(inputs, previous)[0]
    # (11, 12), (7, 11), (12, 9): the products are 11·7 + 12·11 = 209, then 11·12 + 12·9 = 240 and 7·12 + 11·9 = 183.
    assert logits[0].tolist() == [0, 0]
    assert logits[1].tolist() == pytest.approx([0.01 * 0.5 * (209 + 1), -0.01 * 0.5 * (209 + 1)])
    third = 0.01 * (0.5 * (240 + 1) - 0.5 * (183 + 1)) / 2
    assert logits[2].tolist() == pytest.approx([third, -third])


@pytest.mark.parametrize("steps", [1, 3])
def test_maml_is_a_plain_loop_with_second_order_gradients(steps: int) -> None:
    model = maml(steps)
    inputs, previous, labels = sequences()
    expected = torch.zeros(B, T, C, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            weights = dict(model.start)
            for step in range(steps if t > 0 else 0):
                logits = plain_mlp(weights, inputs[b, :t])
                loss = cross_entropy(logits, labels[b, :t])
                slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
                size = model.log_step_sizes[step].exp()
                weights = {
                    name: weight - size * slope for (name, weight), slope in zip(weights.items(), slopes, strict=True)
                }
            expected[b, t] = plain_mlp(weights, inputs[b, t])
    ours = model(inputs, previous)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)
    parameters = list(model.parameters())
    our_outer = torch.autograd.grad(cross_entropy(ours.flatten(0, 1), labels.flatten()), parameters)
    their_outer = torch.autograd.grad(cross_entropy(expected.flatten(0, 1), labels.flatten()), parameters)
    for our, theirs in zip(our_outer, their_outer, strict=True):
        torch.testing.assert_close(our, theirs, rtol=1e-9, atol=1e-12)


def plain_mlp(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    return torch.relu(x @ weights["W1"].T + weights["b1"]) @ weights["W2"].T + weights["b2"]


def test_sgd_is_torchs_on_each_prefix() -> None:
    model = sgd(steps=20)
    inputs, previous, labels = sequences()
    logits = model(inputs, previous)
    for t in range(T):
        network = nn.Sequential(nn.Linear(X, WIDTH), nn.ReLU(), nn.Linear(WIDTH, C)).double()
        network.load_state_dict(dict(zip(["0.weight", "0.bias", "2.weight", "2.bias"], model.buffers(), strict=True)))
        optimiser = torch.optim.SGD(network.parameters(), lr=0.2)
        for _ in range(20 if t > 0 else 0):
            optimiser.zero_grad()
            cross_entropy(network(inputs[1, :t]), labels[1, :t]).backward()
            optimiser.step()
        torch.testing.assert_close(logits[1, t], network(inputs[1, t]).detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", [maml(2), sgd(2)], ids=["maml", "sgd"])
def test_a_logit_sees_inputs_up_to_it_and_labels_before_it(model: MAML | ContextSGD) -> None:
    inputs, previous, _ = sequences()
    before = model(inputs, previous)
    for position in range(T):
        later_inputs, later_labels = inputs.clone(), previous.clone()
        later_inputs[:, position + 1 :] += 1
        later_labels[:, position + 1 :] = later_labels[:, position + 1 :].roll(1, dims=-1)
        after = model(later_inputs, later_labels)
        assert torch.equal(after[:, : position + 1], before[:, : position + 1])
        assert position == T - 1 or not torch.allclose(after[:, position + 1 :], before[:, position + 1 :])


@pytest.mark.parametrize("model", [maml(2), sgd(2)], ids=["maml", "sgd"])
def test_chosen_positions_are_those_of_all(model: MAML | ContextSGD) -> None:
    inputs, previous, _ = sequences()
    chosen = torch.tensor([5, 0, 3])
    torch.testing.assert_close(model(inputs, previous, positions=chosen), model(inputs, previous)[:, chosen])
    with pytest.raises(InputError, match="positions 0 to 5, asked were \\[6\\]"):
        model(inputs, previous, positions=torch.tensor([6]))


def test_the_search_takes_the_best_descent_on_the_last_example() -> None:
    inputs, previous, labels = sequences(batch=40, t=12)
    model = sgd(steps=1, step_size=1e-6)
    chosen = model.choose(inputs, previous, labels, step_sizes=[1e-6, 0.3], steps=[40, 1])
    assert chosen == Descent(steps=40, step_size=0.3) == model.descent
    last = torch.tensor([11])
    accuracy = float((model(inputs, previous, positions=last).argmax(-1) == labels[:, last]).float().mean())
    assert accuracy > 0.8


def test_sizes_by_hand() -> None:
    weights = X * WIDTH + WIDTH + WIDTH * C + C
    assert maml(3).state_size == sgd(3).state_size == weights
    assert sum(p.numel() for p in maml(3).parameters()) == weights + 3
    assert list(sgd(3).parameters()) == []
