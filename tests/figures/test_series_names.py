"""Names in a legend: short, and one for each run."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from icltool.core.result import Result, Value
from icltool.figures.series_names import series_names


def found(run: str, config: Mapping[str, Value] | None = None, *, label: str = "looped L=1 b=1") -> Result:
    """A result of that folder and those settings, without records."""
    return Result(kind="eval", label=label, config=config or {}, environment={}, summary={}, records=[], run=Path(run))


def test_labels_that_differ_are_left_alone():
    assert series_names([found("a", label="one"), found("a", label="two")]) == ["one", "two"]


def test_a_repeated_label_is_followed_by_the_settings_that_differ():
    named = series_names(
        [
            found("x-1", {"seed": 0, "lr": 0.1, "d": 8}),
            found("x-2", {"seed": 1, "lr": 0.1, "d": 8}),
            found("y", label="y"),
        ]
    )
    assert named == ["looped L=1 b=1 (seed 0)", "looped L=1 b=1 (seed 1)", "y"]


@pytest.mark.parametrize(
    ("folders", "apart"),
    [
        (
            ["D8-linear-regression-seed0-linear-10256fca", "D8-linear-regression-seed4-linear-1a4de2f1"],
            ["seed0", "seed4"],
        ),
        (["b-5-seed-0", "b-5-seed-1"], ["seed-0", "seed-1"]),
        (["same-a0256fca", "same-ba4de2f1"], ["a0256fca", "ba4de2f1"]),
        (["run", "run-second"], ["run", "run-second"]),
        (["/far/here/run", "/far/there/run"], ["here/run", "there/run"]),
        (["a", "b2"], ["a", "b2"]),
        (["/far/run", "/far/run"], ["run", "run"]),
    ],
)
def test_without_such_settings_by_what_differs_in_the_folders_names(folders: list[str], apart: list[str]):
    assert series_names([found(folder) for folder in folders]) == [f"looped L=1 b=1 ({part})" for part in apart]


def test_many_settings_or_long_values_are_no_name():
    runs = ["first", "second"]
    many = [{"a": place, "b": place, "c": place} for place in range(2)]
    long = [{"path": f"/somewhere/far/away/{place}"} for place in range(2)]
    for configs in (many, long):
        named = series_names([found(run, config) for run, config in zip(runs, configs, strict=True)])
        assert named == ["looped L=1 b=1 (first)", "looped L=1 b=1 (second)"]
