"""Which parameter goes to which optimiser, and clipping."""

import pytest
import torch

from icltool.core.seeding import generator
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.training.muon import Muon
from icltool.training.optimisers import Optimisers
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
