"""Which parameter goes to which optimiser, clipping, and the learning rate at a step."""

import math

import pytest
import torch

from icltool.core.seeding import generator
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.training.muon import Muon
from icltool.training.optimisers import Optimisers, learning_rate_factor
from icltool.training.training_config import OptimiserConfig


def network() -> torch.nn.Module:
    return new_model(RegressionModelConfig(L=2, b=1, width=16, heads=2, d=3, n=4), generator(0, "weights"))


def test_muon_takes_the_blocks_matrices_and_adam_the_rest() -> None:
    model = network()
    members = Optimisers(model, OptimiserConfig(optimiser="muon", lr=0.02, adam_lr=1e-3)).members
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    muon, adam = ({names[id(p)] for group in member.param_groups for p in group["params"]} for member in members)
    assert isinstance(members[0], Muon)
    assert muon == {
        f"blocks.{layer}.{part}.weight"
        for layer in range(2)
        for part in ("attention.query_key_value", "attention.output", "mlp.widen", "mlp.narrow")
    }
    assert muon | adam == set(names.values())
    assert not muon & adam


def test_a_step_scales_both_learning_rates() -> None:
    optimisers = Optimisers(network(), OptimiserConfig(optimiser="muon", lr=0.02, adam_lr=1e-3))
    for parameter in optimisers.parameters:
        parameter.grad = torch.ones_like(parameter)
    optimisers.step(0.5)
    assert [group["lr"] for member in optimisers.members for group in member.param_groups] == [0.01, 5e-4]
    assert all(parameter.grad is None for parameter in optimisers.parameters)


@pytest.mark.parametrize(("clip", "expected"), [(1.0, 1.0), (0.0, 20.0), (50.0, 20.0)])
def test_clipping_returns_the_whole_norm_and_scales_down_to_the_limit(clip: float, expected: float) -> None:
    optimisers = Optimisers(network(), OptimiserConfig(optimiser="adam", clip=clip))
    numbers = sum(parameter.numel() for parameter in optimisers.parameters)
    for parameter in optimisers.parameters:
        parameter.grad = torch.full_like(parameter, 20 / numbers**0.5)
    assert float(optimisers.gradient_norm()) == pytest.approx(20, rel=1e-4)
    squares = [float(p.grad.square().sum()) for p in optimisers.parameters if p.grad is not None]
    assert sum(squares) ** 0.5 == pytest.approx(expected, rel=1e-4)


def test_weight_decay_belongs_to_adamw_and_muon() -> None:
    adam, adamw = (
        Optimisers(network(), OptimiserConfig(optimiser=kind, weight_decay=0.1)) for kind in ("adam", "adamw")
    )
    assert adam.members[0].param_groups[0]["weight_decay"] == 0
    assert adamw.members[0].param_groups[0]["weight_decay"] == 0.1
    assert isinstance(adamw.members[0], torch.optim.AdamW)


def test_warm_up_then_cosine_to_the_final_part() -> None:
    config = OptimiserConfig(steps=1100, warmup=100, schedule="cosine", final_lr=0.1)
    assert learning_rate_factor(config, 1) == pytest.approx(0.01)
    assert learning_rate_factor(config, 50) == pytest.approx(0.5)
    assert learning_rate_factor(config, 100) == pytest.approx(1.0)
    assert learning_rate_factor(config, 600) == pytest.approx(0.55)
    assert learning_rate_factor(config, 1100) == pytest.approx(0.1)
    assert learning_rate_factor(config, 350) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)


def test_a_trapezoid_falls_in_a_line_at_the_end() -> None:
    config = OptimiserConfig(steps=1000, warmup=100, schedule="trapezoid", decay=0.2, final_lr=0.1)
    factors = [learning_rate_factor(config, step) for step in (50, 100, 800, 900, 1000)]
    assert factors == pytest.approx([0.5, 1.0, 1.0, 0.55, 0.1])


def test_constant_stays_at_the_peak() -> None:
    config = OptimiserConfig(steps=10, warmup=0, schedule="constant")
    assert {learning_rate_factor(config, step) for step in range(1, 11)} == {1.0}
