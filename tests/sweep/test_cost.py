"""The time of runs on a machine, hand-computed; and how long a recipe takes: measured, stated, or scaled by steps."""

from typing import Any

import pytest

from icltool.sweep.cost import Machine, core_hours, durations, hours, spoken
from icltool.sweep.recipe import parse_recipe
from icltool.sweep.record import Reference, ScaleRecord, Tolerance

TINY: dict[str, Any] = {"b": 1, "width": 8, "heads": 2, "d": 2, "n": 4, "batch": 4, "curriculum": "none", "threads": 1}


def test_runs_are_shared_out_and_the_longest_takes_its_time() -> None:
    four = Machine(name="four", devices=4, rate=1e9)
    assert hours([3.6e12] * 8, four) == pytest.approx(2.0)
    assert hours([3.6e12, 36e12], four) == pytest.approx(10.0)
    assert hours([], four) == 0.0
    assert core_hours([3600.0] * 4) == pytest.approx(2.0)
    assert core_hours([3600.0, 36_000.0]) == pytest.approx(10.0)


def recipe(**more: Any) -> Any:
    """Three trainings of 10 steps at smoke, 20 at cpu, and twelve of 20 on paper."""
    stage = {
        "name": "train", "study": "train", "settings": {**TINY, "steps": 20}, "grid": {"seed": [0, 1, 2]},
        "scale": {"smoke": {"settings": {"steps": 10}}, "paper": {"grid": {"seed": list(range(12))}}},
    }  # fmt: skip
    return parse_recipe({"claim": "0", "title": "A test", "stage": [stage], **more}, where="r")


def recorded(**seconds: float) -> Reference:
    """A record with these seconds a scale."""
    scales = {
        scale: ScaleRecord(tolerance=Tolerance(), machine={"seconds": value}, figures=[])
        for scale, value in seconds.items()
    }
    return Reference.model_validate({"schema": 1, "recipe": "r", "claim": "0", "scales": scales})


def test_measured_beats_stated_and_operations_scale_the_rest():
    stated = recipe(estimate={"cpu": "an hour", "smoke": "a blink"})
    found = durations("r", stated, reference=recorded(cpu=100.0), where="r")
    assert (found["cpu"].runs, found["cpu"].how, found["cpu"].seconds) == (3, "measured", 100.0)
    assert (found["smoke"].how, found["smoke"].text) == ("stated", "a blink")
    assert (found["paper"].runs, found["paper"].how) == (12, "scaled")
    assert found["paper"].seconds == pytest.approx(400.0), "four times as many of the same"


def test_nothing_follows_from_nothing_or_from_a_smoke_run():
    for reference in (None, recorded(smoke=3.0)):
        found = durations("r", recipe(), reference=reference, where="r")
        assert {found["cpu"].how, found["paper"].how} == {"unknown"}
        assert found["cpu"].seconds is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (40, "40 s"), (89, "89 s"), (90, "2 min"), (2130, "36 min"), (18720, "5.2 h"), (1036800, "12 days")],
)
def test_times_as_people_say_them(seconds: float, said: str):
    assert spoken(seconds) == said
