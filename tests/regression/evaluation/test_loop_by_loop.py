"""The trace of the loops and halting against a plain loop over prompts and loops."""

from typing import Any

import numpy as np
import pytest
import torch

from icltool.core.errors import InputError
from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.regression.data.function_classes import sample_prompts
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.loop_by_loop import halting_predictions, loops_until_settled, trace_loops
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import every_loop_plan
from icltool.regression.models.looped import LoopedTransformer

RUNTIME = Runtime(device=torch.device("cpu"), precision="f32", compiled=False)
LOOPS = 9


def model(**settings: Any) -> LoopedTransformer:
    config = RegressionModelConfig.model_validate({"d": 3, "n": 6, "width": 16, "heads": 2, "b": 4, **settings})
    network = new_model(config, generator(1, "weights")).eval()
    with torch.no_grad():
        for block in network.blocks.parameters():
            block.mul_(4)
    return network


def prompts(count: int = 20) -> Prompts:
    return sample_prompts("linear-regression", generator(0, "x"), batch=count, n=6, d=3)


def states(network: LoopedTransformer, drawn: Prompts) -> list[torch.Tensor]:
    with torch.no_grad():
        embedded = network.embed(drawn.xs, drawn.ys)
        found = [network.initial_state(embedded)]
        for _ in range(LOOPS):
            found.append(network.loop(found[-1], embedded))
    return found


@pytest.mark.parametrize("injection", ["add", "mul"])
def test_the_trace_is_the_forward_pass_and_its_residual_by_hand(injection: str) -> None:
    network, drawn = model(injection=injection), prompts()
    trace = trace_loops(network, drawn, RUNTIME, loops=LOOPS)
    with torch.no_grad():
        every = network(drawn.xs, drawn.ys, every_loop_plan(LOOPS))
    assert torch.equal(trace.last, every[-1])
    assert torch.equal(trace.by_loop, every[:, :, -1])
    assert bool(trace.residuals[0].isnan().all())
    walked = [state[:, :11].double().numpy() for state in states(network, drawn)]
    for loop in range(2, LOOPS + 1):
        for b in range(20):
            before, after = walked[loop - 1][b], walked[loop][b]
            expected = np.sqrt(((after - before) ** 2).sum()) / np.sqrt((before**2).sum())
            assert float(trace.residuals[loop - 1, b]) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_the_label_of_the_query_changes_neither_residual_nor_halting() -> None:
    network, drawn = model(), prompts()
    ys = drawn.ys.clone()
    ys[:, -1] += 50
    other = Prompts(xs=drawn.xs, ys=ys)
    first, second = (trace_loops(network, each, RUNTIME, loops=LOOPS) for each in (drawn, other))
    assert torch.equal(first.residuals[1:], second.residuals[1:])
    tolerance = float(first.residuals[1:].median())
    stops = [halting_predictions(network, each, RUNTIME, most=LOOPS, tolerance=tolerance) for each in (drawn, other)]
    assert len(stops[0].loops.unique()) > 1, "the prompts stop at different loops"
    assert torch.equal(stops[0].loops, stops[1].loops)
    assert torch.equal(stops[0].predictions, stops[1].predictions)


def test_halting_at_tolerance_zero_is_the_fixed_loops() -> None:
    network, drawn = model(), prompts(300)
    halted = halting_predictions(network, drawn, RUNTIME, most=LOOPS, tolerance=0.0)
    assert torch.equal(halted.predictions, trace_loops(network, drawn, RUNTIME, loops=LOOPS).by_loop[-1])
    assert bool((halted.loops == LOOPS).all())


def test_halting_stops_each_prompt_where_it_would_stop_alone() -> None:
    network, drawn = model(), prompts(40)
    residuals = trace_loops(network, drawn, RUNTIME, loops=LOOPS).residuals[1:]
    tolerance = float(residuals.median())
    halted = halting_predictions(network, drawn, RUNTIME, most=LOOPS, tolerance=tolerance)
    assert len(set(halted.loops.tolist())) > 2, "the prompts stop at different loops"
    for b in range(40):
        alone = drawn.rows(b, b + 1)
        walked = states(network, alone)
        spent = LOOPS
        for loop in range(2, LOOPS + 1):
            before, after = walked[loop - 1][0, :11], walked[loop][0, :11]
            if float((after - before).norm() / before.norm()) < tolerance:
                spent = loop
                break
        assert int(halted.loops[b]) == spent
        with torch.no_grad():
            expected = float(network.predict(walked[spent])[0, -1])
        assert float(halted.predictions[b]) == pytest.approx(expected, abs=1e-4)
    trace = trace_loops(network, drawn, RUNTIME, loops=LOOPS)
    assert torch.equal(loops_until_settled(trace.residuals, tolerance), halted.loops)


def test_settling_is_read_off_the_first_small_residual() -> None:
    nan = float("nan")
    residuals = torch.tensor([[nan, nan, nan], [0.5, 0.05, 0.5], [0.05, 0.5, 0.5], [0.5, 0.5, 0.5]])
    assert loops_until_settled(residuals, 0.1).tolist() == [3, 2, 4]
    assert loops_until_settled(residuals, 0.0).tolist() == [4, 4, 4]
    assert loops_until_settled(residuals[:1], 1.0).tolist() == [1, 1, 1]


def test_progress_counts_every_loop_of_every_chunk() -> None:
    heard: list[tuple[int, int]] = []
    trace_loops(model(), prompts(300), RUNTIME, loops=2, on_loop=lambda done, every: heard.append((done, every)))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_prompts_that_do_not_fit_are_refused() -> None:
    longer = sample_prompts("linear-regression", generator(0, "x"), batch=2, n=7, d=3)
    with pytest.raises(InputError, match="7 points, the model has positions for 6"):
        trace_loops(model(), longer, RUNTIME, loops=1)
    with pytest.raises(InputError, match="7 points, the model has positions for 6"):
        halting_predictions(model(), longer, RUNTIME, most=1, tolerance=0.1)
