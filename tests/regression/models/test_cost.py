"""Costs against other counts: operations against torch's counter, memory against what autograd keeps."""

from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from icltool.core.seeding import generator
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.cost import forward_flops, kept_bytes, training_flops
from icltool.regression.models.loop_plan import window_plan
from tests.reference.looped_plain import PlainLooped

SIZES = [(1, 3, 32, 5, 9), (2, 2, 64, 8, 20)]


def counted(config: RegressionModelConfig, *, window: int, backward: bool) -> float:
    model = new_model(config, generator(0, "weights"))
    xs, ys = torch.randn(1, config.n, config.d), torch.randn(1, config.n)
    # Torch's count knows the attention of the plain kernel only.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        predictions = model(xs, ys, window_plan(config.loops, window))
        if backward:
            (predictions - ys).square().mean().backward()
    return float(counter.get_total_flops())


@pytest.mark.parametrize(("layers", "loops", "width", "d", "points"), SIZES)
def test_forward(layers: int, loops: int, width: int, d: int, points: int) -> None:
    config = RegressionModelConfig(L=layers, b=loops, width=width, heads=2, d=d, n=points)
    expected = counted(config, window=1, backward=False)
    assert forward_flops(config, points=points, loops=loops) == pytest.approx(expected, rel=0.01)


def test_every_token_of_the_last_state_costs_what_the_plain_model_takes() -> None:
    plain = PlainLooped(d=5, points=9, width=32, heads=2, layers=2)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        plain(torch.randn(1, 9, 5), torch.randn(1, 9), loops=3, window=1)
    config = RegressionModelConfig(L=2, b=3, width=32, heads=2, d=5, n=9)
    ours = forward_flops(config, points=9, loops=3, whole_states=True)
    # The plain model reads out at the y tokens too.
    assert ours == pytest.approx(float(counter.get_total_flops()), rel=0.01)


@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_training(size: tuple[int, int, int, int, int], window: int) -> None:
    layers, loops, width, d, points = size
    config = RegressionModelConfig(L=layers, b=loops, width=width, heads=2, d=d, n=points)
    expected = counted(config, window=window, backward=True)
    ours = training_flops(config, points=points, loops=loops, with_gradient=window, scored=window)
    assert ours == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("sizes", "loops", "window"),
    [
        ({"L": 1, "b": 12, "width": 64, "n": 16}, 12, 12),
        ({"L": 2, "b": 12, "width": 32, "n": 40}, 12, 5),
        ({"L": 6, "b": 1, "width": 128, "n": 10}, 1, 1),
    ],
)
def test_what_autograd_keeps(sizes: dict[str, Any], loops: int, window: int) -> None:
    config = RegressionModelConfig.model_validate({"d": 4, "heads": 4, **sizes})
    model = new_model(config, generator(0, "weights")).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.ones(3, config.n, 4), torch.ones(3, config.n), window_plan(loops, window))
    found = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert kept_bytes(config, prompts=3, points=config.n, with_gradient=window) == pytest.approx(found, rel=0.2)
