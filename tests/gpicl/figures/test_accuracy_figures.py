"""Where the transition is marked, and what a learner without parameters or state looks like."""

from pathlib import Path
from typing import Any

import pytest

from icltool.core.result import Result, Row
from icltool.gpicl.evaluation.accuracy_records import IMPROVEMENT
from icltool.gpicl.figures.accuracy_figures import improvement_by_tasks, transition
from icltool.gpicl.figures.learner_sizes import SizedLearner, accuracy_by_size


@pytest.mark.parametrize(
    ("improvements", "expected"),
    [
        ([(1, 0.0), (16, 0.01), (256, 0.3), (4096, 0.4)], 64.0),
        ([(1, 0.0), (16, 0.19), (256, 0.2), (4096, 0.4)], 64.0),
        ([(1, 0.4), (16, 0.4)], None),
        ([(1, 0.0), (16, 0.04)], None),
        ([], None),
    ],
)
def test_the_transition_is_where_half_of_the_largest_improvement_is_passed(
    improvements: list[tuple[int, float]], expected: float | None
) -> None:
    assert transition(improvements) == expected


def result(tasks: int, seed: int, gain: float) -> Result:
    def row(name: str, kind: str, images: str, mean: float) -> Row:
        return {"measure": IMPROVEMENT, "test": name, "tasks": kind, "images": images, "mean": mean}

    records = [
        row("digits: unseen tasks", "unseen", "test", gain),
        row("digits: seen tasks", "seen", "test", gain / 2),
        row("digits: seen tasks, train images", "seen", "train", 9.0),
    ]
    return Result(
        kind="gpicl-test", label="m", config={"tasks": tasks, "seed": seed}, environment={}, summary={},
        records=records, run=Path("unused"),
    )  # fmt: skip


def test_improvements_are_averaged_over_seeds_on_test_images() -> None:
    results = [result(1, 0, 0.0), result(1, 1, -0.02), result(16, 0, 0.2), result(16, 1, 0.4)]
    drawn: Any = improvement_by_tasks(results).to_dict()
    lines = {trace["name"]: trace for trace in drawn["data"] if "name" in trace}
    assert set(lines) == {"digits: unseen tasks", "digits: seen tasks"}
    unseen = lines["digits: unseen tasks"]
    assert list(unseen["x"]) == [1, 16]
    assert list(unseen["y"]) == pytest.approx([-0.01, 0.3])
    assert drawn["layout"]["shapes"][0]["x0"] == 4
    assert drawn["layout"]["annotations"][-1]["text"] == "band: 5-95 % of the mean over 2 seeds (bootstrap)"
    alone: Any = improvement_by_tasks(results[:1]).to_dict()
    assert "annotations" not in alone["layout"]


def test_the_band_over_seeds_is_that_of_the_mean_and_not_the_range() -> None:
    results = [result(1, seed, float(seed)) for seed in range(9)]
    drawn: Any = improvement_by_tasks(results).to_dict()
    high, low = next(trace["y"] for trace in drawn["data"] if trace.get("fill") == "toself")
    assert 2 < low < 4 < high < 6


def test_what_is_not_there_stands_at_the_left_end() -> None:
    accuracy: Row = {"mean": 0.1, "low": 0.08, "high": 0.13}
    learners = [
        SizedLearner(name="mlp", accuracy=accuracy, parameters=1000, state_size=0),
        SizedLearner(name="sgd", accuracy=accuracy, parameters=0, state_size=5000),
    ]
    drawn: Any = accuracy_by_size(learners, chance=0.1).to_dict()
    assert [list(trace["x"]) for trace in drawn["data"]] == [[1000], [1], [1], [5000]]
    assert drawn["data"][0]["error_y"]["array"] == pytest.approx([0.03])
    axis = drawn["layout"]["xaxis2"]
    assert axis["ticktext"][0] == "none"
    assert axis["tickvals"][0] == 1
