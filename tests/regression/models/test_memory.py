"""The model of a step's memory against what autograd keeps."""

from typing import Any

import pytest
import torch

from icltool.core.seeding import generator
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import window_plan
from icltool.regression.models.memory import kept_bytes


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
