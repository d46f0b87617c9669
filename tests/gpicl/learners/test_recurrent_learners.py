"""LSTM, outer-product LSTM and VSML against plain loops, their gradients, and what they carry."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from icltool.core.seeding import generator
from icltool.gpicl.learners import vsml
from icltool.gpicl.learners.lstm import LSTM
from icltool.gpicl.learners.memoriser import Memoriser
from icltool.gpicl.learners.outer_product_lstm import OuterProductLayer, OuterProductLSTM
from icltool.gpicl.learners.vsml import VSML
from tests.reference.op_lstm_plain import op_lstm_layer
from tests.reference.vsml_plain import vsml_logits

B, T, X, C = 3, 7, 4, 3
SHAPE: dict[str, Any] = {"inputs": X, "classes": C}


def sequences(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Inputs, and the labels before each position as one-hot rows."""
    random = torch.Generator().manual_seed(5)
    labels = torch.eye(C, dtype=dtype)[torch.randint(0, C, (B, T), generator=random)]
    previous = torch.cat([torch.zeros(B, 1, C, dtype=dtype), labels[:, :-1]], dim=1)
    return torch.randn(B, T, X, dtype=dtype, generator=random), previous


def assert_equal_with_gradients(ours: Tensor, expected: Tensor, parameters: list[nn.Parameter]) -> None:
    """The same values, and the same gradients of a random combination of them."""
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)
    mix = torch.randn(ours.shape, dtype=ours.dtype, generator=torch.Generator().manual_seed(1))
    ours_gradients = torch.autograd.grad((ours * mix).sum(), parameters)
    expected_gradients = torch.autograd.grad((expected * mix).sum(), parameters)
    for our, theirs in zip(ours_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(our, theirs, rtol=1e-9, atol=1e-10)


def test_the_lstm_is_the_textbook_one() -> None:
    """The equations step by step in plain tensors, both layers, with torch's order of gates i, f, g, o."""
    model = LSTM(**SHAPE, width=5, layers=2, generator=generator(0, "weights")).double()
    inputs, previous = sequences()
    weights = dict(model.recurrence.named_parameters())
    logits: list[Tensor] = []
    for b in range(B):
        tokens = [torch.cat([inputs[b, t], previous[b, t]]) for t in range(T)]
        for layer in range(2):
            hidden = cell = torch.zeros(5, dtype=torch.float64)
            outputs: list[Tensor] = []
            for token in tokens:
                sums = weights[f"weight_ih_l{layer}"] @ token + weights[f"weight_hh_l{layer}"] @ hidden
                i, f, g, o = (sums + weights[f"bias_ih_l{layer}"] + weights[f"bias_hh_l{layer}"]).split(5)
                cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
                hidden = torch.sigmoid(o) * torch.tanh(cell)
                outputs.append(hidden)
            tokens = outputs
        logits.append(torch.stack(tokens) @ model.read_out.weight.T + model.read_out.bias)
    assert_equal_with_gradients(model(inputs, previous), torch.stack(logits), list(model.parameters()))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_an_outer_product_layer_is_the_plain_loop(heads: int) -> None:
    layer = OuterProductLayer(5, 8, heads=heads).double()
    layer.initialise(generator(1, "weights"))
    tokens = torch.randn(B, T, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weights = (layer.of_input.weight, layer.of_input.bias, layer.of_hidden.weight)
    expected = torch.stack([op_lstm_layer(sequence, *weights, width=8, heads=heads) for sequence in tokens])
    assert_equal_with_gradients(layer(tokens), expected, list(layer.parameters()))


def test_an_outer_product_layer_passes_gradients_to_its_input() -> None:
    layer = OuterProductLayer(3, 4, heads=2).double()
    layer.initialise(generator(1, "weights"))
    tokens = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    assert torch.autograd.gradcheck(layer, (tokens,))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_vsml_is_the_plain_loop_over_cells(layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two sequences at a time, so that the third makes a batch of its own.
    model = VSML(**SHAPE, width=3, layers=layers, state=4, generator=generator(1, "weights")).double()
    monkeypatch.setattr(vsml, "CELLS_TOGETHER", 2 * model.state_size // 4)
    inputs, previous = sequences()
    starts = [model.get_buffer(f"start_{layer}") for layer in range(layers)]
    expected = torch.stack(
        [
            vsml_logits(
                inputs[b],
                previous[b],
                starts,
                weight=model.cell,
                forward_message=model.forward_message,
                backward_message=model.backward_message,
            )
            for b in range(B)
        ]
    )
    # With one layer nothing is below to send a backward message to.
    used = [model.cell, model.forward_message] + ([model.backward_message] if layers > 1 else [])
    assert_equal_with_gradients(model(inputs, previous), expected, used)


def test_vsml_treats_inputs_alike() -> None:
    """Inputs and the starts of their cells reordered together change nothing: no weight belongs to an input."""
    model = VSML(**SHAPE, width=3, layers=2, state=4, generator=generator(1, "weights")).double()
    inputs, previous = sequences()
    before = model(inputs, previous)
    order = torch.tensor([2, 0, 3, 1])
    model.get_buffer("start_0").copy_(model.get_buffer("start_0")[:, order])
    torch.testing.assert_close(model(inputs[..., order], previous), before)


LEARNERS: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: LSTM(**SHAPE, width=6, layers=2, generator=generator(0, "weights")),
    "op-lstm": lambda: OuterProductLSTM(**SHAPE, width=6, layers=2, heads=3, generator=generator(0, "weights")),
    "vsml": lambda: VSML(**SHAPE, width=6, layers=2, generator=generator(0, "weights")),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_logit_sees_inputs_up_to_it_and_labels_before_it(name: str) -> None:
    model = LEARNERS[name]().double()
    inputs, previous = sequences()
    before = model(inputs, previous)
    for position in range(T):
        later_inputs, later_labels = inputs.clone(), previous.clone()
        later_inputs[:, position + 1 :] += 1
        later_labels[:, position + 1 :] = later_labels[:, position + 1 :].roll(1, dims=-1)
        after = model(later_inputs, later_labels)
        assert torch.equal(after[:, : position + 1], before[:, : position + 1])
        assert position == T - 1 or not torch.allclose(after[:, position + 1 :], before[:, position + 1 :])
    only_labels = previous.clone()
    only_labels[:, 1] = only_labels[:, 1].roll(1, dims=-1)
    changed = (model(inputs, only_labels) - before).abs().amax(dim=(0, 2))
    assert changed[0] == 0
    assert (changed[1:] > 0).all()


@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_generator_gives_the_same_weights(name: str) -> None:
    first, second = LEARNERS[name]().state_dict(), LEARNERS[name]().state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert all(bool(tensor.isfinite().all()) for tensor in first.values())


@pytest.mark.parametrize("name", LEARNERS)
def test_half_precision_products_leave_the_recurrence_whole(name: str) -> None:
    model = LEARNERS[name]()
    inputs, previous = sequences(torch.float32)
    exact = model(inputs, previous)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(inputs, previous)
        rough.float().square().sum().backward()
    torch.testing.assert_close(rough.float(), exact, rtol=0, atol=0.05)
    assert not torch.equal(rough.float(), exact), "no product was rounded"
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert bool(parameter.grad.isfinite().all())


def test_sizes_by_hand() -> None:
    assert LSTM(**SHAPE, width=6, layers=2).state_size == 2 * 6 * 2
    assert OuterProductLSTM(**SHAPE, width=6, layers=2, heads=3).state_size == 2 * 3 * 2 * 2
    assert VSML(**SHAPE, width=5, layers=2).state_size == 16 * (4 * 5 + 5 * 3)
    assert Memoriser(**SHAPE, width=5, layers=2).state_size == 0
    # θ: 64 gates of 16 + 8 + 8 numbers and a bias; two messages of 8 from 16 and a bias. The paper counts about 2 400.
    parameters = sum(p.numel() for p in VSML(inputs=784, classes=10, width=16, layers=2).parameters())
    assert parameters == 64 * 33 + 2 * 8 * 17 == 2384
