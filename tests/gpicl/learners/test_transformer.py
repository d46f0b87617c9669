"""The decoder over examples: causality, loops, sizes, its checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import one_hot

from icltool.core.errors import InputError
from icltool.core.seeding import generator
from icltool.core.tensor_files import read_tensor_file, write_tensor_file
from icltool.gpicl.data.config import PreprocessingConfig
from icltool.gpicl.data.task_sequences import TaskSequences
from icltool.gpicl.learners.all_learners import new_learner, state_size
from icltool.gpicl.learners.checkpoint import LearnedShape, load_gpicl_checkpoint, save_gpicl_checkpoint
from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.networks.layers import Block
from icltool.regression.models.checkpoint import load_checkpoint

SMALL: dict[str, Any] = {"L": 2, "width": 16, "heads": 2, "context": 7}


def config(**settings: Any) -> GpiclModelConfig:
    return GpiclModelConfig.model_validate({**SMALL, **settings})


def model(**settings: Any) -> torch.nn.Module:
    return new_learner(config(**settings), inputs=5, classes=3, generator=generator(1, "weights")).eval()


def sequences() -> TaskSequences:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (4, 7), generator=random)
    return TaskSequences(inputs=torch.randn(4, 7, 5, generator=random), labels=labels, classes=3)


@pytest.mark.parametrize("loops", [1, 3])
def test_an_answer_sees_the_examples_before_it_and_never_its_own_label(loops: int) -> None:
    """Changing y_t, or x_{t+1}, changes nothing up to t; changing them does change what comes after."""
    network, given = model(loops=loops), sequences()
    before = network(given.inputs, given.previous_labels())
    for place in range(7):
        other_label = TaskSequences(inputs=given.inputs, labels=given.labels.clone(), classes=3)
        other_label.labels[:, place] = (other_label.labels[:, place] + 1) % 3
        after = network(given.inputs, other_label.previous_labels())
        assert torch.equal(after[:, : place + 1], before[:, : place + 1])
        assert place == 6 or not torch.allclose(after[:, place + 1], before[:, place + 1])
        moved = given.inputs.clone()
        moved[:, place] += 1
        after = network(moved, given.previous_labels())
        assert torch.equal(after[:, :place], before[:, :place])
        assert not torch.allclose(after[:, place], before[:, place])


def test_one_loop_is_the_plain_decoder() -> None:
    network, given = model(), sequences()
    weights = dict(network.named_parameters())
    previous = torch.zeros(4, 7, 3)
    previous[:, 1:] = one_hot(given.labels[:, :-1], 3).float()
    tokens = torch.cat([given.inputs, previous], -1) @ weights["read_in.weight"].T + weights["read_in.bias"]
    tokens = tokens + weights["positions.weight"]
    for layer in range(2):
        block = Block(16, 2)
        prefix = f"blocks.{layer}."
        block.load_state_dict({key.removeprefix(prefix): w for key, w in weights.items() if key.startswith(prefix)})
        tokens = block(tokens)
    tokens = torch.nn.functional.layer_norm(tokens, (16,), weights["final_norm.weight"], weights["final_norm.bias"])
    expected = tokens @ weights["read_out.weight"].T + weights["read_out.bias"]
    torch.testing.assert_close(network(given.inputs, given.previous_labels()), expected)


def test_loops_share_their_weights_and_carry_a_state_each() -> None:
    plain, looped = model(), model(loops=3)
    assert {name: w.shape for name, w in plain.named_parameters()} == {n: w.shape for n, w in looped.named_parameters()}
    # Key and value of width 16, in 2 layers, for 7 examples; a looped one for each loop.
    assert state_size(plain) == 2 * 16 * 2 * 7
    assert state_size(looped) == 3 * 2 * 16 * 2 * 7
    given = sequences()
    differs = plain(given.inputs, given.previous_labels()) - looped(given.inputs, given.previous_labels())
    # Fresh layers barely change the direction of what they get.
    assert float(differs.detach().abs().max()) > 1e-5


def test_the_papers_size() -> None:
    """D = 256, 4 layers, 8 heads: 12 D² weights and 13 D more in a layer, by the definition of the block."""
    network = new_learner(
        config(L=4, width=256, heads=8, context=100), inputs=784, classes=10, generator=generator(0, "weights")
    )
    layer = 12 * 256**2 + 13 * 256
    expected = 4 * layer + (794 + 1) * 256 + 100 * 256 + 2 * 256 + 257 * 10
    assert sum(parameter.numel() for parameter in network.parameters()) == expected
    assert state_size(network) == 100 * 4 * 2 * 256


def test_a_sequence_longer_than_the_positions_is_refused() -> None:
    with pytest.raises(InputError, match="have 8 examples, the model has positions for 7; use a smaller --context"):
        model()(torch.zeros(1, 8, 5), torch.zeros(1, 8, 3))
    assert model(positions="none")(torch.zeros(1, 8, 5), torch.zeros(1, 8, 3)).shape == (1, 8, 3)


def saved(path: Path) -> torch.nn.Module:
    network = model(loops=2)
    save_gpicl_checkpoint(
        path,
        network,
        architecture=config(loops=2),
        preprocessing=PreprocessingConfig(resize=4, components=5),
        shape=LearnedShape(images=(4, 4), inputs=5, classes=3),
        study="gpicl-train",
        config=config(),
        step=12,
        metrics={"held_out_accuracy": 0.5},
    )
    return network


def test_a_checkpoint_alone_rebuilds_the_learner_and_its_preprocessing(tmp_path: Path) -> None:
    network, given = saved(tmp_path / "model.safetensors"), sequences()
    found = load_gpicl_checkpoint(tmp_path)
    assert torch.equal(
        found.model(given.inputs, given.previous_labels()), network(given.inputs, given.previous_labels())
    )
    assert found.architecture == config(loops=2)
    assert found.preprocessing == PreprocessingConfig(resize=4, components=5)
    assert found.shape == LearnedShape(images=(4, 4), inputs=5, classes=3)
    assert (found.step, found.study, found.metrics) == (12, "gpicl-train", {"held_out_accuracy": 0.5})


def test_a_bad_checkpoint_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    saved(file)
    with pytest.raises(InputError, match="holds another kind of model; give an in-context regression model"):
        load_checkpoint(file)
    content = read_tensor_file(file)
    header, tensors = dict(content.header), dict(content.tensors)
    write_tensor_file(file, {**tensors, "read_out.bias": torch.zeros(4)}, header)
    with pytest.raises(InputError, match=r"tensor read_out.bias has shape \(4,\), its header says \(3,\)"):
        load_gpicl_checkpoint(file)
    write_tensor_file(file, tensors, {**header, "model": {**header["model"], "inputs": "many"}})
    with pytest.raises(InputError, match="the sizes of the learner are missing or odd"):
        load_gpicl_checkpoint(file)
    write_tensor_file(file, tensors, {**header, "model": {**header["model"], "learner": "oracle"}})
    with pytest.raises(InputError, match=r"\(header\): learner: oracle is not a choice"):
        load_gpicl_checkpoint(file)
