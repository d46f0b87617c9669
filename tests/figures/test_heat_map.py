"""The heat map puts each row's value where its two columns say."""

from typing import Any

import pytest

from icltool.figures.heat_map import heat_map, log_marks


def test_values_stand_at_their_places_and_gaps_stay_blank() -> None:
    rows = [{"a": 1, "b": "x", "v": 0.1}, {"a": 2, "b": "x", "v": 0.2}, {"a": 1, "b": "y", "v": 0.3}]
    look = heat_map(rows, x="a", y="b", value="v", title="t", x_title="a", y_title="b", value_title="v", span=(0, 1))
    cells: Any = look.data[0]
    assert (list(cells.x), list(cells.y)) == ([1, 2], ["x", "y"])
    assert [list(line) for line in cells.z] == [[0.1, 0.2], [0.3, None]]
    assert (cells.zmin, cells.zmax) == (0, 1)


def test_ticks_stand_on_places() -> None:
    rows = [{"a": place, "b": 0, "v": 1.0} for place in range(1, 41)]
    look = heat_map(rows, x="a", y="b", value="v", title="t", x_title="a", y_title="b", value_title="v")
    axis: Any = look.layout
    assert list(axis.xaxis.tickvals) == list(range(1, 41, 3))
    assert list(axis.yaxis.tickvals) == [0]


def test_colours_go_by_the_logarithm_and_marks_by_the_value() -> None:
    rows = [{"a": place, "b": 0, "v": value} for place, value in enumerate((0.9, 1.4, 90.0))]
    look = heat_map(rows, x="a", y="b", value="v", title="t", x_title="a", y_title="b", value_title="v", log=True)
    cells: Any = look.data[0]
    assert list(cells.z[0]) == pytest.approx([-0.04576, 0.14613, 1.95424], abs=1e-5)
    assert list(cells.customdata[0]) == [0.9, 1.4, 90.0]
    assert list(cells.colorbar.ticktext) == ["1", "2", "5", "10", "20", "50"]
    assert list(cells.colorbar.tickvals) == pytest.approx([0, 0.30103, 0.69897, 1, 1.30103, 1.69897], abs=1e-5)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([0.002, 700.0], [0.01, 0.1, 1, 10, 100]),
        ([0.94, 7.4], [1, 2, 5]),
        ([1.1, 1.9], [1.1, 1.9]),
        ([0.95, 2.4], [1, 1.5, 2]),
        ([3.0, 3.0], [3.0]),
        ([3.1, 3.2], [3.1, 3.2]),
    ],
)
def test_marks_are_round_and_within(values: list[float], marks: list[float]) -> None:
    assert log_marks(values) == pytest.approx(marks)
