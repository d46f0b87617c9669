"""Places and counts as tables show them."""

from icltool.core.table import counted_range, spread


def test_places_are_spread_from_nothing_to_all() -> None:
    assert spread(31, 7) == [0, 5, 10, 16, 21, 26, 31]
    assert spread(3, 7) == [0, 1, 2, 3]
    assert spread(10, 2) == [0, 10]
    assert spread(10, 1) == [0]
    assert spread(0, 5) == [0]


def test_counts_that_differ_are_a_range() -> None:
    assert counted_range([3, 3], "seed") == "3 seeds"
    assert counted_range([1], "seed") == "1 seed"
    assert counted_range([3, 1, 2], "seed") == "1 to 3 seeds"
