"""The steps that `icltool bench` compares, tiny, under pytest-benchmark: they run, and no time fails them.

`pytest tests/benchmarks --numprocesses 0 --benchmark-enable` measures; in an ordinary run each step is taken once.
"""

import math

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from icltool.bench.config import WORKLOADS, BenchConfig
from icltool.bench.worker import sides_of

TINY = {"L": 1, "b": 2, "width": 16, "heads": 2, "n": 6, "d": 4, "batch": 4, "threads": 1}
SMALL = {"double-descent": {"n": 60, "T": 8, "threads": 1}}


@pytest.mark.parametrize("side", ["ours", "plain"])
@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_step(benchmark: BenchmarkFixture, workload: str, side: str) -> None:
    config = BenchConfig.create({**SMALL.get(workload, TINY), "workload": workload}).resolved()
    step = sides_of(workload)[side](config)
    numbers = iter(range(1, 10**9))
    answers: list[float] = []
    benchmark.pedantic(lambda: answers.append(answer(step(next(numbers)))), rounds=3, warmup_rounds=1)
    answers += [answer(step(next(numbers))) for _ in range(2)]
    assert all(math.isfinite(value) for value in answers)
    # Every step learns, or draws other tasks.
    assert len(set(answers)) == len(answers) >= 3


def test_both_sides_of_double_descent_train_the_same_model() -> None:
    config = BenchConfig.create({**SMALL["double-descent"], "workload": "double-descent"}).resolved()
    ours, plain = (sides_of("double-descent")[side](config) for side in ("ours", "plain"))
    assert answer(ours(1)) == pytest.approx(answer(plain(1)), rel=1e-5)


def answer(value: object) -> float:
    """What a step returns: a loss, or a number of what it made."""
    return float(torch.as_tensor(value).sum())
