"""The record of a recipe, against numbers worked out by hand: what is kept, what may move, what is said when it did."""

import json
from pathlib import Path
from typing import Any

import pytest

from icltool.core.errors import InputError
from icltool.core.result import Result
from icltool.sweep.check import compare, differences_table, recorded_scale
from icltool.sweep.record import Tolerance, read_reference, record, reference_file


def sweep(*figures: tuple[str, dict[str, Any], str, tuple[float, float, float]], runs: int = 2) -> Result:
    """A sweep's result with these (stage, settings, measure, (mean, low, high))."""
    rows = [
        {
            "table": "aggregate",
            "stage": stage,
            **settings,
            "measure": measure,
            "mean": band[0],
            "low": band[1],
            "high": band[2],
            "runs": runs,
        }
        for stage, settings, measure, band in figures
    ]
    return Result(
        kind="sweep",
        label="A claim",
        config={"recipe": "r", "claim": "1x", "scale": "cpu", "figure": None},
        environment={"torch": "2", "processor": "one"},
        summary={"runs": 2, "failed": 0, "seconds": 12.5},
        records=rows,
        run=Path("somewhere/else"),
    )


BAND = (0.123456789, 0.1, 0.15)
FIGURES = (
    ("train", {"L": 10, "b": 2}, "error", BAND),
    ("train", {"L": 10, "b": 2}, "seconds", (3.0, 3.0, 3.0)),
    ("train", {"L": 10, "b": 2}, "steps_per_second", (9.0, 9.0, 9.0)),
    ("train", {"L": 10, "b": 2}, "all_loops_seconds", (9.0, 9.0, 9.0)),
    ("train", {"L": 2, "b": 2}, "error", (0.5, 0.4, 0.6)),
    ("measure", {}, "error", (1.0, 1.0, 1.0)),
)


def test_a_record_is_sorted_rounded_and_without_paths_and_times(tmp_path: Path):
    file = tmp_path / "reference.json"
    record(sweep(*FIGURES), scale="cpu", file=file)
    table = json.loads(file.read_text())
    content = table["scales"]["cpu"]
    assert content["figures"] == [
        {"stage": "measure", "settings": {}, "runs": 2, "measures": {"error": [1.0, 1.0, 1.0]}},
        {"stage": "train", "settings": {"L": 2, "b": 2}, "runs": 2, "measures": {"error": [0.5, 0.4, 0.6]}},
        {"stage": "train", "settings": {"L": 10, "b": 2}, "runs": 2, "measures": {"error": [0.123457, 0.1, 0.15]}},
    ]
    assert content["machine"] == {"processor": "one", "torch": "2", "seconds": 12.5}
    assert "somewhere" not in file.read_text()
    lines = [line for line in file.read_text().splitlines() if '"measures"' in line]
    assert len(lines) == 3, "a group is a line"
    text = file.read_bytes()
    record(sweep(*reversed(FIGURES)), scale="cpu", file=file)
    assert file.read_bytes() == text


def test_recording_again_keeps_the_other_scales_and_the_tolerances(tmp_path: Path):
    file = tmp_path / "reference.json"
    record(sweep(*FIGURES), scale="cpu", file=file)
    table = json.loads(file.read_text())
    table["scales"]["cpu"]["tolerance"] = {"relative": 0.3, "absolute": 0.0, "bands": 0.0}
    table["scales"]["cpu"]["exceptions"] = {"error": {"absolute": 2.0}}
    file.write_text(json.dumps(table))
    record(sweep(("train", {}, "error", BAND)), scale="smoke", file=file)
    record(sweep(("train", {}, "error", BAND)), scale="cpu", file=file)
    reference = read_reference(file)
    assert reference is not None
    assert list(reference.scales) == ["cpu", "smoke"]
    assert reference.scales["cpu"].tolerance == Tolerance(relative=0.3)
    assert reference.scales["cpu"].tolerance_of("error") == Tolerance(absolute=2.0)
    assert len(reference.scales["cpu"].figures) == 1


@pytest.mark.parametrize(
    ("tolerance", "allowed"),
    [
        ({"relative": 0.5}, 1.0),  # half of |-2|
        ({"absolute": 0.25}, 0.25),
        ({"bands": 2.0}, 6.0),  # twice the band from -4 to -1
        ({"relative": 0.5, "absolute": 3.0, "bands": 0.5}, 3.0),  # the largest of 1, 3, 1.5
    ],
)
def test_the_largest_part_of_a_tolerance_counts(tolerance: dict[str, float], allowed: float):
    assert Tolerance(**tolerance).allowed(-2.0, -4.0, -1.0) == allowed


def test_what_moved_is_named_and_what_may_move_is_not(tmp_path: Path):
    file = tmp_path / "reference.json"
    record(
        sweep(
            ("train", {"L": 1}, "error", (1.0, 1.0, 1.0)),
            ("train", {"L": 1}, "steps", (50.0, 50.0, 50.0)),
            ("train", {"L": 2}, "error", (1.0, 0.5, 1.5)),
            ("train", {"L": 4}, "error", (1.0, 1.0, 1.0)),
        ),
        scale="cpu",
        file=file,
    )
    again = sweep(
        ("train", {"L": 1}, "error", (1.2, 1.2, 1.2)),  # a tenth was allowed
        ("train", {"L": 1}, "accuracy", (0.5, 0.5, 0.5)),
        ("train", {"L": 2}, "error", (1.9, 0.5, 3.0)),  # the band is one wide
        ("train", {"L": 8}, "error", (1.0, 1.0, 1.0)),
    )
    comparison = compare(again, recorded_scale(file, "cpu"))
    assert comparison.compared == 6
    assert [(entry.settings, entry.measure, entry.what) for entry in comparison.differences] == [
        ("L=1", "error", "moved"),
        ("L=1", "steps", "gone"),
        ("L=1", "accuracy", "new"),
        ("L=4", "error", "gone"),
        ("L=8", "error", "new"),
    ]
    moved = comparison.differences[0]
    assert (moved.recorded, moved.found, moved.allowed) == (1.0, 1.2, 0.1)
    table = differences_table(comparison)
    assert table.title == "5 of 6 numbers moved"
    assert table.rows[0] == ("train", "L=1", "error", "1", "1.2", "0.1", "moved")


def test_other_numbers_of_runs_are_a_difference(tmp_path: Path):
    file = tmp_path / "reference.json"
    record(sweep(*FIGURES), scale="cpu", file=file)
    fewer = compare(sweep(*FIGURES, runs=1), recorded_scale(file, "cpu"))
    assert {(entry.measure, entry.recorded, entry.found) for entry in fewer.differences} == {("runs", 2, 1)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "the whole"),
        ('{"schema": 2, "recipe": "r", "claim": "c"}', "schema"),
        ('{"schema": 1, "recipe": "r", "claim": "c", "scales": {"huge": {}}}', "scales.huge"),
        ('{"schema": 1, "recipe": "r", "claim": "c", "scales": {"cpu": {"tolerance": {"relative": -1}}}}', "relative"),
        ('{"schema": 1, "recipe": "r", "claim": "c", "more": 1}', "more"),
    ],
)
def test_a_damaged_record_is_one_line(tmp_path: Path, text: str, said: str):
    file = tmp_path / "reference.json"
    file.write_text(text)
    with pytest.raises(InputError, match="--record") as error:
        recorded_scale(file, "cpu")
    assert said in str(error.value)
    assert str(file) in str(error.value)


def test_no_record_says_how_to_make_one(tmp_path: Path):
    assert reference_file(tmp_path) == reference_file(tmp_path / "recipe.toml") == tmp_path / "reference.json"
    with pytest.raises(InputError, match=r"no record of the scale smoke; make one with --scale smoke --record"):
        recorded_scale(tmp_path / "reference.json", "smoke")
