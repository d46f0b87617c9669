"""`icltool bench`: what a ratio is, and workloads once, tiny, as users run them. No test waits for a speed."""

import json
from typing import Any

import pytest

from icltool.bench import measurement
from icltool.bench.paired_timing import PairedTiming
from icltool.bench.workloads import double_descent
from icltool.superposition.engine.optimiser import WarmupCosine
from tests.cli.conftest import Call


def test_the_ratio_is_the_median_of_the_rounds_and_of_a_whole_run_that_of_the_sums() -> None:
    times: dict[str, Any] = {"ours": [1.0, 2.0, 4.0], "plain": [3.0, 4.0, 4.0]}
    assert PairedTiming(**times).ratios == [3.0, 2.0, 1.0]
    assert PairedTiming(**times).ratio == 2.0
    assert PairedTiming(**times, whole=True).ratio == pytest.approx(11 / 7)


def test_both_sides_are_timed_in_their_own_processes(call: Call) -> None:
    done = call("bench double-descent --n 60 --T 8 --steps 2 --warm 1 --rounds 2 --threads 1 --json")
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert facts["lowest_ratio"] <= facts["ratio"] <= facts["highest_ratio"]
    assert min(facts["ours_ms"], facts["plain_ms"]) > 0
    assert (facts["workload"], facts["rounds"], facts["threads"]) == ("double-descent", 2, 1)
    assert facts["size"] == "n=60 T=8"


def test_without_a_workload_all_are_measured_timings_in_one_table(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def hold(_config: object, *, on_step: object) -> PairedTiming:
        return PairedTiming(ours=[0.1, 0.3], plain=[0.2, 0.9])

    monkeypatch.setattr(measurement, "time_in_turns", hold)
    done = call("bench --json --threads 1")
    assert done.code == 0, done.err
    measured = json.loads(done.out)["workloads"]
    assert [facts["workload"] for facts in measured] == ["train", "probe", "double-descent", "gpicl"]
    assert all(facts.keys() >= {"size", "rounds", "threads", "precision", "machine", "torch"} for facts in measured)
    assert (measured[0]["ratio"], measured[0]["lowest_ratio"], measured[0]["highest_ratio"]) == (2.5, 2.0, 3.0)
    assert (measured[1]["ours_ms"], measured[1]["plain_ms"]) == (200, 550)
    assert measured[3]["generation_share"] == 2.5
    assert done.err.count("spread") == done.err.count("1 thread,") == 2
    assert done.err.count("2 to 3") == 4
    assert done.err.count("icltool bench: ") == done.err.count("icltool bench, tasks made for a step: ") == 1


def test_the_training_step_is_timed(call: Call) -> None:
    done = call(
        "bench train --L 1 --b 2 --width 8 --n 4 --d 2 --batch 4 --steps 2 --warm 1 --rounds 1 --threads 1 --json"
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["ratio"] > 0


def test_a_whole_run_takes_every_step(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(double_descent, "SETTINGS", WarmupCosine(steps=80, warmup=5))
    monkeypatch.setattr(double_descent, "SEGMENTS", 2)
    done = call("bench double-descent --whole-run --n 60 --T 8 --steps 2 --warm 1 --threads 1 --json --quiet")
    assert done.code == 0, done.err
    assert json.loads(done.out)["rounds"] == 2
    assert "measures double-descent, not train" in call("bench train --whole-run").error


def test_the_share_of_task_generation_is_that_of_the_default_model(call: Call) -> None:
    from icltool.bench.config import BenchConfig
    from icltool.bench.workloads.gpicl import training_settings
    from icltool.gpicl.studies.train.config import GpiclTrainConfig

    default = GpiclTrainConfig(threads=1).resolved()
    assert training_settings(BenchConfig.create({"workload": "gpicl", "threads": 1}, preset="gpicl")) == default
    done = call("bench gpicl --width 8 --n 4 --d 4 --batch 4 --steps 2 --warm 1 --rounds 1 --threads 1 --json")
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert facts["generation_share"] == pytest.approx(facts["generation_ms"] / facts["step_ms"], abs=0.02)
    assert facts["size"] == "L=2 D=8 H=4 context=4 x=4 B=4"
