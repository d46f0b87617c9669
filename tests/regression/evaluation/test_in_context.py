"""Placed queries: one pass over all prefixes equals a pass for each."""

from typing import Any

import pytest
import torch

from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.regression.data.config import PLACING_SHIFTS, Shift
from icltool.regression.data.prompts import Prompts, joined
from icltool.regression.evaluation.in_context import (
    CHUNK,
    evaluation_prompts,
    model_errors,
    model_input,
    predict_prompts,
)
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import every_loop_plan, last_loop_plan
from icltool.regression.models.looped import LoopedTransformer

RUNTIME = Runtime(device=torch.device("cpu"), precision="f32", compiled=False)


def model(**settings: Any) -> LoopedTransformer:
    config = RegressionModelConfig.model_validate({"d": 5, "n": 5, "width": 16, "heads": 2, **settings})
    network = new_model(config, generator(1, "weights")).eval()
    with torch.no_grad():
        # Positions as small as at the start of training would hide a query at the wrong place.
        for name, parameter in network.named_parameters():
            if name.startswith(("positions", "blocks")) and parameter.ndim == 2:
                parameter.mul_(20)
    return network


def prompts(shift: Shift, count: int = 6) -> Prompts:
    return evaluation_prompts("linear-regression", seed=0, prompts=count, n=5, d=5, shift=shift)


@pytest.mark.parametrize("shift", PLACING_SHIFTS)
@pytest.mark.parametrize("settings", [{"b": 3}, {"architecture": "standard", "L": 2}, {"positions": "none", "b": 2}])
def test_the_prediction_at_a_prefix_sees_exactly_its_points_and_then_the_query(
    shift: Shift, settings: dict[str, Any]
) -> None:
    network, drawn = model(**settings), prompts(shift)
    loops = network.config.loops
    together = predict_prompts(network, drawn, every_loop_plan(loops), RUNTIME)
    with torch.no_grad():
        for k in range(5):
            xs = torch.cat([drawn.xs[:, :k], drawn.query_xs[:, k : k + 1]], dim=1)
            ys = torch.cat([drawn.ys[:, :k], torch.full((6, 1), 77.0)], dim=1)
            alone = network(xs, ys, every_loop_plan(loops))[..., k]
            torch.testing.assert_close(together[..., k], alone, atol=1e-4, rtol=1e-4)


def test_a_query_is_seen_by_no_other_token() -> None:
    layout = model_input(prompts("random-quadrants")).layout
    assert layout is not None
    visible = layout.visible
    for seer in range(20):
        for seen in range(20):
            if seer < 10:
                expected = seen <= seer
            else:
                k = (seer - 10) // 2
                expected = seen < 2 * k or seen == seer
            assert bool(visible[seer, seen]) == expected
    assert layout.places.tolist() == [*range(10), *range(10)]


def test_errors_are_those_of_the_queries() -> None:
    drawn = prompts("seen-query")
    assert drawn.queries is not None
    network = model(b=2)
    predicted = predict_prompts(network, drawn, last_loop_plan(2), RUNTIME)
    errors = model_errors(network, drawn, last_loop_plan(2), RUNTIME, scale=5.0)
    torch.testing.assert_close(errors, (predicted - drawn.queries.ys) ** 2 / 5)


def test_chunks_change_nothing() -> None:
    drawn = prompts("random-quadrants", count=CHUNK + 3)
    network = model(b=1)
    whole = predict_prompts(network, drawn, last_loop_plan(1), RUNTIME)
    last = predict_prompts(network, drawn.rows(CHUNK, CHUNK + 3), last_loop_plan(1), RUNTIME)
    torch.testing.assert_close(whole[:, CHUNK:], last)
    halves = joined([drawn.rows(0, 100), drawn.rows(100, CHUNK + 3)])
    assert halves.queries is not None
    assert torch.equal(halves.queries.xs, drawn.query_xs)
