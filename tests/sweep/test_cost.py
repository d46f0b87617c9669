"""The time of runs on a machine: hand-computed."""

import pytest

from icltool.sweep.cost import Machine, core_hours, hours


def test_runs_are_shared_out_and_the_longest_takes_its_time() -> None:
    four = Machine(name="four", devices=4, rate=1e9)
    assert hours([3.6e12] * 8, four) == pytest.approx(2.0)
    assert hours([3.6e12, 36e12], four) == pytest.approx(10.0)
    assert hours([], four) == 0.0
    assert core_hours([3600.0] * 4) == pytest.approx(2.0)
    assert core_hours([3600.0, 36_000.0]) == pytest.approx(10.0)
