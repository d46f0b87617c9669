"""The steps that `icltool bench` compares, tiny, under pytest-benchmark: they run, and no time fails them.

`pytest tests/benchmarks --numprocesses 0 --benchmark-enable` measures; in an ordinary run each step is taken once.
"""

import pytest
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
    benchmark.pedantic(lambda: step(next(numbers)), rounds=3, warmup_rounds=1)
