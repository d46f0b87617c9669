"""The cost model against torch's own count of the plain implementation."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from icltool.models.flops import forward_flops, training_flops
from icltool.models.transformer_config import RegressionModelConfig
from tests.reference.looped_plain import PlainLooped, windowed_loss

SIZES = [(1, 3, 32, 5, 9), (2, 2, 64, 8, 20)]


def counted(layers: int, loops: int, width: int, d: int, points: int, *, window: int, backward: bool) -> float:
    model = PlainLooped(d=d, points=points, width=width, heads=2, layers=layers)
    xs, ys = torch.randn(1, points, d), torch.randn(1, points)
    with FlopCounterMode(display=False) as counter:
        predictions = model(xs, ys, loops=loops, window=window)
        if backward:
            windowed_loss(predictions, ys).backward()
    return float(counter.get_total_flops())


@pytest.mark.parametrize(("layers", "loops", "width", "d", "points"), SIZES)
def test_forward(layers: int, loops: int, width: int, d: int, points: int) -> None:
    config = RegressionModelConfig(L=layers, b=loops, width=width, heads=2, d=d, n=points)
    expected = counted(layers, loops, width, d, points, window=1, backward=False)
    # The plain model reads out at the y tokens too.
    assert forward_flops(config, points=points, loops=loops) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_training(size: tuple[int, int, int, int, int], window: int) -> None:
    layers, loops, width, d, points = size
    config = RegressionModelConfig(L=layers, b=loops, width=width, heads=2, d=d, n=points)
    expected = counted(layers, loops, width, d, points, window=window, backward=True)
    ours = training_flops(config, points=points, loops=loops, with_gradient=window, scored=window)
    assert ours == pytest.approx(expected, rel=0.05)
