"""Our looped transformer against the plain one: the same weights give the same predictions and gradients."""

from typing import Literal

import pytest
import torch

from icltool.core.seeding import generator
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import every_loop_plan, window_plan
from icltool.regression.models.looped import LoopedTransformer
from tests.reference.looped_plain import PlainLooped, plain_name, windowed_loss

D, N, WIDTH, HEADS, BATCH, LOOPS = 5, 9, 32, 4, 6, 4

Injection = Literal["add", "mul"]


def pair(layers: int, injection: Injection) -> tuple[LoopedTransformer, PlainLooped]:
    config = RegressionModelConfig(L=layers, b=LOOPS, d=D, n=N, width=WIDTH, heads=HEADS, injection=injection)
    ours = new_model(config, generator(0, "weights"))
    plain = PlainLooped(d=D, points=N, width=WIDTH, heads=HEADS, layers=layers, injection=injection)
    plain.load_state_dict({plain_name(name): tensor for name, tensor in ours.state_dict().items()})
    return ours, plain


def prompts() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    return torch.randn(BATCH, N, D, generator=random), torch.randn(BATCH, N, generator=random)


@pytest.mark.parametrize("injection", ["add", "mul"])
@pytest.mark.parametrize("layers", [1, 2])
def test_predictions_of_every_loop(layers: int, injection: Injection) -> None:
    ours, plain = pair(layers, injection)
    xs, ys = prompts()
    expected = torch.stack(plain(xs, ys, loops=2 * LOOPS, window=2 * LOOPS))
    torch.testing.assert_close(ours(xs, ys, every_loop_plan(2 * LOOPS)), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("injection", ["add", "mul"])
@pytest.mark.parametrize("window", [1, 3, 7])
@pytest.mark.parametrize("layers", [1, 2])
def test_gradients(layers: int, window: int, injection: Injection) -> None:
    ours, plain = pair(layers, injection)
    xs, ys = prompts()
    windowed_loss(plain(xs, ys, loops=LOOPS, window=window), ys).backward()
    (ours(xs, ys, window_plan(LOOPS, window)) - ys).square().mean().backward()
    expected = dict(plain.named_parameters())
    for name, parameter in ours.named_parameters():
        reference = expected[plain_name(name)].grad
        assert parameter.grad is not None
        assert reference is not None
        difference = (parameter.grad - reference).norm() / reference.norm().clamp(min=1e-12)
        assert difference < 1e-4, f"{name}: relative difference {difference:.1e}"


def test_the_fused_baseline_computes_the_same() -> None:
    _, manual = pair(2, "add")
    fused = PlainLooped(d=D, points=N, width=WIDTH, heads=HEADS, layers=2, attention="sdpa")
    fused.load_state_dict(manual.state_dict())
    xs, ys = prompts()
    torch.testing.assert_close(
        fused(xs, ys, loops=3, window=1)[0], manual(xs, ys, loops=3, window=1)[0], atol=1e-5, rtol=0
    )
