"""What the model promises beyond parity: causality, plans, masks, architectures, initialisation."""

from typing import Any

import pytest
import torch

from icltool.core.errors import InputError
from icltool.core.seeding import generator
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import LoopPlan, every_loop_plan, last_loop_plan, window_plan
from icltool.regression.models.looped import LoopedTransformer

SMALL: dict[str, Any] = {"d": 3, "n": 6, "width": 16, "heads": 2}


def model(**settings: Any) -> LoopedTransformer:
    return new_model(RegressionModelConfig.model_validate({**SMALL, **settings}), generator(1, "weights")).eval()


def prompt(batch: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(batch, 6, 3, generator=random), torch.randn(batch, 6, generator=random)


@pytest.mark.parametrize("architecture", ["looped", "standard", "tied"])
def test_a_prediction_sees_only_the_points_before_it_and_its_own_x(architecture: str) -> None:
    network = model(architecture=architecture, b=3, L=2)
    xs, ys = prompt()
    before = network(xs, ys, every_loop_plan(3))
    for point in range(6):
        moved_ys = ys.clone()
        moved_ys[:, point:] += 1
        moved_xs = xs.clone()
        moved_xs[:, point + 1 :] += 1
        after = network(moved_xs, moved_ys, every_loop_plan(3))
        assert torch.equal(after[..., : point + 1], before[..., : point + 1])
        assert point == 5 or not torch.allclose(after[..., point + 1 :], before[..., point + 1 :])


def test_a_standard_model_is_one_pass_and_a_tied_one_repeats_it() -> None:
    standard, tied = model(architecture="standard", L=2), model(architecture="tied", L=2, b=2)
    xs, ys = prompt()
    once = standard.loop(standard.embed(xs, ys), standard.embed(xs, ys))
    assert torch.equal(standard(xs, ys, last_loop_plan(1))[0], standard.predict(once))
    twice = tied.loop(tied.loop(tied.embed(xs, ys), tied.embed(xs, ys)), tied.embed(xs, ys))
    assert torch.equal(tied(xs, ys, last_loop_plan(2))[0], tied.predict(twice))


@pytest.mark.parametrize(
    ("loops", "window", "dilation", "scored"),
    [(5, 2, 1, (4, 5)), (3, 9, 1, (1, 2, 3)), (10, 3, 4, (2, 6, 10)), (10, 4, 4, (2, 6, 10)), (7, 1, 3, (7,))],
)
def test_the_window_counts_back_from_the_last_loop(
    loops: int, window: int, dilation: int, scored: tuple[int, ...]
) -> None:
    plan = window_plan(loops, window, dilation=dilation)
    assert plan.scored == scored
    assert plan.with_gradient == frozenset(range(scored[0], loops + 1))
    detached = window_plan(loops, window, dilation=dilation, between="detached")
    assert detached.with_gradient == frozenset(scored)


def test_gradients_start_at_the_window() -> None:
    """Detaching by hand before the window gives the same gradient."""
    network = model(b=4)
    xs, ys = prompt()
    network(xs, ys, window_plan(4, 2)).square().mean().backward()
    windowed = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    embedded = network.embed(xs, ys)
    with torch.no_grad():
        state = network.loop(network.loop(network.initial_state(embedded), embedded), embedded)
    third = network.loop(state, embedded)
    fourth = network.loop(third, embedded)
    torch.stack([network.predict(third), network.predict(fourth)]).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(windowed[name], parameter.grad)


@pytest.mark.parametrize("injection", ["add", "mul"])
def test_masking_everything_forgets_the_state(injection: str) -> None:
    network = model(b=3, injection=injection)
    xs, ys = prompt()
    nothing = torch.zeros(1, 12, dtype=torch.bool)
    forgetful = network(xs, ys, every_loop_plan(3, state_keep=nothing))
    first = network(xs, ys, last_loop_plan(1))[0]
    assert torch.equal(forgetful, torch.stack([first, first, first]))
    everything = torch.ones(1, 12, dtype=torch.bool)
    kept = network(xs, ys, every_loop_plan(3, state_keep=everything))
    assert torch.equal(kept, network(xs, ys, every_loop_plan(3)))


def test_evaluating_under_no_grad_builds_no_graph() -> None:
    network = model(b=2)
    xs, ys = prompt()
    with torch.no_grad():
        assert not network(xs, ys, window_plan(2, 2)).requires_grad


def test_initialisation_is_the_papers() -> None:
    network = new_model(RegressionModelConfig(L=8, width=256, heads=8, d=20, n=41), generator(0, "weights"))
    spread = {name: float(p.detach().std()) for name, p in network.named_parameters() if p.ndim == 2}
    assert spread["blocks.3.attention.query_key_value.weight"] == pytest.approx(0.02, rel=0.02)
    assert spread["blocks.3.mlp.widen.weight"] == pytest.approx(0.02, rel=0.02)
    assert spread["blocks.3.attention.output.weight"] == pytest.approx(0.02 / 4, rel=0.02)
    assert spread["blocks.3.mlp.narrow.weight"] == pytest.approx(0.02 / 4, rel=0.02)
    assert spread["positions.weight"] == pytest.approx(0.02, rel=0.03)
    assert spread["read_in.weight"] == pytest.approx((1 / 20 / 3) ** 0.5, rel=0.03)
    biases = [p for name, p in network.named_parameters() if name.startswith("blocks") and name.endswith("bias")]
    # Of a layer: two norms, two linears of attention, two of the MLP.
    assert len(biases) == 8 * 6
    assert all(float(bias.detach().abs().max()) == 0 for bias in biases)


@pytest.mark.parametrize(("layers", "architecture", "millions"), [(1, "looped", 0.79), (12, "standard", 9.48)])
def test_sizes_are_the_papers(layers: int, architecture: str, millions: float) -> None:
    # Beside the blocks the official model carries positions for 202 tokens, hence n = 101 here.
    network = model(L=layers, architecture=architecture, b=1, d=20, n=101, width=256, heads=8)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert numbers / 1e6 == pytest.approx(millions, abs=0.06)


def test_the_global_generator_stays_untouched() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    model(L=2)
    assert torch.equal(torch.rand(3), expected)


def test_prompts_that_do_not_fit_are_refused() -> None:
    network = model()
    plan = last_loop_plan(1)
    with pytest.raises(InputError, match="7 points, the model has positions for 6"):
        network(torch.zeros(2, 7, 3), torch.zeros(2, 7), plan)
    with pytest.raises(InputError, match="4 dimensions, the model takes 3"):
        network(torch.zeros(2, 6, 4), torch.zeros(2, 6), plan)
    unbounded = model(positions="none")
    assert unbounded(torch.zeros(2, 7, 3), torch.zeros(2, 7), plan).shape == (1, 2, 7)


def test_a_plan_may_score_single_loops() -> None:
    network = model(b=6)
    xs, ys = prompt()
    plan = LoopPlan(loops=6, scored=(2, 6), with_gradient=frozenset())
    assert torch.equal(network(xs, ys, plan), network(xs, ys, every_loop_plan(6))[[1, 5]])
