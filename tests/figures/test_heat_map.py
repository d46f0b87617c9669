"""The heat map puts each row's value where its two columns say."""

from typing import Any

from icltool.figures.heat_map import heat_map


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
