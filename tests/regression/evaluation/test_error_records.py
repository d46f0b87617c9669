"""Records by hand: which loops and places they hold, and what halting costs."""

from itertools import pairwise

import pytest
import torch

from icltool.regression.evaluation.error_records import (
    BY_LOOP,
    BY_SEED,
    BY_SEED_MEAN_LOOP,
    HALTING,
    halting_records,
    loop_records,
    model_records,
    recorded_loops,
    residual_records,
    seed_records,
)


def test_every_loop_is_recorded_until_there_are_too_many() -> None:
    assert recorded_loops(3) == [1, 2, 3]
    assert recorded_loops(400) == list(range(1, 401))
    many = recorded_loops(100_000)
    assert many[:200] == list(range(1, 201))
    assert many[-1] == 100_000
    assert len(many) <= 400
    ratios = [after / before for before, after in pairwise(many[250:])]
    assert max(ratios) < 1.05


def test_a_long_trace_records_the_loops_it_names() -> None:
    errors = torch.arange(1.0, 1001.0)[:, None].expand(-1, 3)
    rows = loop_records("model", errors, examples=4, seed=0)
    assert {row["measure"] for row in rows} == {BY_LOOP}
    assert all(row["mean"] == row["loop"] == row["low"] for row in rows)
    assert all(row["prompts"] == 3 for row in rows)


def test_the_models_records_are_its_last_loop_and_last_point() -> None:
    errors = torch.rand(2, 5, 3, generator=torch.Generator().manual_seed(0))
    rows = model_records("model", errors, seed=0)
    by_example = [row["mean"] for row in rows if row["measure"] == "error by example"]
    by_loop = [row["mean"] for row in rows if row["measure"] == BY_LOOP]
    assert by_example == pytest.approx(errors[-1].double().mean(0).tolist())
    assert by_loop == pytest.approx(errors[:, :, -1].double().mean(1).tolist())


def test_halting_reports_loops_spent_against_the_error() -> None:
    residuals = torch.tensor([[float("nan")] * 2, [0.5, 0.05], [0.05, 0.01]])
    errors = torch.tensor([[9.0, 9.0], [4.0, 2.0], [1.0, 3.0]])
    rows = halting_records("m", errors, residuals, asked=0.1, tolerances=(1.0, 0.001), seed=0)
    found = {row["tolerance"]: (row["loops_spent"], row["mean"], row["asked"]) for row in rows}
    assert found == {0.001: (3.0, 2.0, False), 0.1: (2.5, 1.5, True), 1.0: (2.0, 3.0, False)}
    assert {row["measure"] for row in rows} == {HALTING}


def test_residuals_are_described_over_the_prompts() -> None:
    residuals = torch.stack([torch.full((101,), float("nan")), torch.arange(101.0)])
    (row,) = residual_records("m", residuals)
    assert (row["loop"], row["mean"], row["median"]) == (2, 50, 50)
    assert (row["low"], row["high"]) == (pytest.approx(5), pytest.approx(95))


def test_each_seed_is_recorded_alone_after_the_last_loop_and_as_the_mean_of_the_loops() -> None:
    errors = {3: torch.tensor([[5.0, 3.0], [1.0, 1.0]]), 4: torch.tensor([[2.0, 4.0], [2.0, 2.0]])}
    rows = seed_records("m", errors, examples=7)
    found = [(row["measure"], row["seed"], row["mean"], row["prompts"]) for row in rows]
    assert found == [
        (BY_SEED, 3, 1.0, 2),
        (BY_SEED, 4, 2.0, 2),
        (BY_SEED_MEAN_LOOP, 3, 2.5, 2),
        (BY_SEED_MEAN_LOOP, 4, 2.5, 2),
    ]
