"""The states that the hooks take, against the plain model's own."""

from typing import Any

import pytest
import torch

from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.hidden_states import hidden_states, measure_state_scale, visit_hidden_states
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import last_loop_plan
from icltool.regression.models.looped import LoopedTransformer
from tests.reference.looped_plain import PlainLooped, plain_name

D, N, WIDTH, HEADS, BATCH = 3, 5, 16, 2, 4
CPU = Runtime(device=torch.device("cpu"), precision="f32", compiled=False)


def model(**settings: Any) -> LoopedTransformer:
    sizes: dict[str, Any] = {"d": D, "n": N, "width": WIDTH, "heads": HEADS, "b": 3}
    return new_model(RegressionModelConfig.model_validate({**sizes, **settings}), generator(0, "weights"))


def prompts() -> Prompts:
    random = torch.Generator().manual_seed(1)
    return Prompts(
        xs=torch.randn(BATCH, N, D, generator=random),
        ys=torch.randn(BATCH, N, generator=random),
    )


def states_of(network: LoopedTransformer, *, loops: int, at_once: int = 100) -> torch.Tensor:
    """All states [S, B, t, D], and that they came in order and in parts of the right size."""
    parts: list[torch.Tensor] = []
    firsts: list[int] = []

    def visit(first: int, states: torch.Tensor) -> None:
        assert not states.requires_grad
        firsts.append(first)
        parts.append(states.clone().transpose(1, 2))

    visit_hidden_states(network, prompts(), CPU, loops=loops, at_once=at_once, visit=visit)
    assert [len(part) for part in parts[:-1]] == [at_once] * (len(parts) - 1)
    assert firsts == list(range(0, sum(len(part) for part in parts), at_once))
    return torch.cat(parts)


def plain_states(network: LoopedTransformer, *, loops: int) -> list[torch.Tensor]:
    """Embedding, then the output of every block of every loop, by the plain model."""
    config = network.config
    plain = PlainLooped(d=D, points=N, width=WIDTH, heads=HEADS, layers=config.L)
    plain.load_state_dict({plain_name(name): tensor for name, tensor in network.state_dict().items()})
    batch = prompts()
    tokens = torch.zeros(BATCH, 2 * N, D)
    tokens[:, 0::2] = batch.xs
    tokens[:, 1::2, 0] = batch.ys
    embedding = plain.read_in(tokens)
    states = [embedding]
    state = torch.zeros_like(embedding) if config.architecture == "looped" else embedding
    for _ in range(loops):
        x = (state + embedding if config.architecture == "looped" else state) + plain.wpe.weight
        for block in plain.h:
            x = block(x)
            states.append(x)
        state = plain.ln_f(x)
    return states


@pytest.mark.parametrize(
    ("settings", "loops", "kept"),
    [
        ({"L": 1}, 3, [0, 1, 2, 3]),
        ({"L": 1}, 5, [0, 1, 2, 3, 4, 5]),
        ({"L": 2}, 2, [0, 2, 4]),
        ({"L": 2, "architecture": "tied"}, 3, [0, 2, 4, 6]),
        ({"L": 3, "architecture": "standard"}, 1, [0, 1, 2, 3]),
        ({"L": 3, "b": 1}, 1, [0, 1, 2, 3]),
        ({"L": 1, "b": 1}, 1, [0, 1]),
    ],
)
def test_the_states_are_the_blocks_outputs_before_the_final_norm(
    settings: dict[str, Any], loops: int, kept: list[int]
) -> None:
    network = model(**settings)
    expected = plain_states(network, loops=loops)
    torch.testing.assert_close(
        states_of(network, loops=loops), torch.stack([expected[place] for place in kept]), atol=1e-5, rtol=1e-5
    )
    assert len(hidden_states(network, loops=loops)) == len(kept)


def test_states_are_named_by_loop_or_by_layer() -> None:
    looped = hidden_states(model(L=2), loops=2)
    assert [state.name for state in looped] == ["embedding", "loop 1", "loop 2"]
    assert [(state.index, state.loop, state.layer) for state in looped] == [(0, None, None), (1, 1, None), (2, 2, None)]
    standard = hidden_states(model(L=2, architecture="standard"), loops=1)
    assert [state.name for state in standard] == ["embedding", "layer 1", "layer 2"]
    assert [state.name for state in hidden_states(model(L=1, architecture="standard"), loops=1)][1] == "layer 1"


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_parts_are_the_whole(at_once: int) -> None:
    network = model()
    assert torch.equal(states_of(network, loops=4, at_once=at_once), states_of(network, loops=4))


def test_the_model_stays_untouched() -> None:
    network = model()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    visits: list[int] = []

    def break_off(first: int, _states: torch.Tensor) -> None:
        visits.append(first)
        if first == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        visit_hidden_states(network, prompts(), CPU, loops=2, at_once=1, visit=break_off)
    network(prompts().xs, prompts().ys, last_loop_plan(2))
    assert visits == [0, 1], "a hook was left behind"
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_bf16_states_arrive_in_float32_outside_autocast() -> None:
    seen: list[torch.dtype] = []

    def visit(_first: int, states: torch.Tensor) -> None:
        seen.extend([states.dtype, (states[0, 0] @ states[0, 0].T).dtype])

    bf16 = Runtime(device=torch.device("cpu"), precision="bf16", compiled=False)
    visit_hidden_states(model(), prompts(), bf16, loops=2, at_once=9, visit=visit)
    assert seen == [torch.float32, torch.float32]


def test_standardised_states_have_mean_0_and_variance_1_a_coordinate() -> None:
    network = model()
    scale = measure_state_scale(network, prompts(), CPU, loops=3)
    states = states_of(network, loops=3).transpose(1, 2)
    for first in (0, 2):
        part = states[first : first + 2].clone()
        scale.standardise_(first, part)
        torch.testing.assert_close(part.mean((1, 2)), torch.zeros(2, WIDTH), atol=1e-5, rtol=0)
        torch.testing.assert_close(part.var((1, 2)), torch.ones(2, WIDTH), atol=1e-4, rtol=0)


def test_what_does_not_vary_is_not_blown_up() -> None:
    network = model()
    with torch.no_grad():
        network.read_in.weight[0], network.read_in.weight[1] = 0, 1e-9
        network.read_in.bias[0], network.read_in.bias[1] = 7, 0
    scale = measure_state_scale(network, prompts(), CPU, loops=1)
    embedding = states_of(network, loops=1)[:1].transpose(1, 2).clone()
    scale.standardise_(0, embedding)
    assert embedding.isfinite().all()
    assert embedding[..., 0].abs().max() < 1e-2
    assert embedding[..., 1].abs().max() < 1e-2
