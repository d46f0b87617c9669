"""result.json: what was saved comes back; what is damaged says so."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from icltool.core.errors import InputError
from icltool.core.result import Result, Row, load_result, real, shared_value, whole

RUN = Path("run")


@pytest.fixture
def result() -> Result:
    RUN.mkdir()
    return Result(
        kind="toy",
        label="toy b=2",
        config={"b": 2, "T": None},
        environment={"torch": "2"},
        summary={"error": 0.25, "name": "é"},
        records=[{"loop": 1, "mean": 0.5, "role": "model"}, {"loop": 2, "mean": 0.25, "role": "model"}],
        inputs={"checkpoint": "sha256:0"},
        run=RUN,
    )


def test_it_comes_back_from_the_file_and_from_the_folder(result: Result):
    result.save()
    assert load_result(RUN) == load_result(RUN / "result.json") == result
    assert result.checkpoint is None
    (RUN / "model.safetensors").touch()
    assert result.checkpoint == RUN / "model.safetensors"


def test_select(result: Result):
    assert result.select(loop=2) == [result.records[1]]
    assert result.select(role="model") == list(result.records)
    assert result.select(loop=2, role="baseline") == []


def test_numbers_of_a_record_or_what_stands_in_their_place() -> None:
    row: Row = {"measure": "error by loop", "loop": 2, "mean": 0.25, "low": None, "model": "m", "asked": True}
    assert (real(row, "mean"), real(row, "loop"), whole(row, "loop")) == (0.25, 2.0, 2)
    for name, value in (("low", "None"), ("high", "None"), ("model", "'m'"), ("asked", "True")):
        with pytest.raises(InputError, match=rf"^a record 'error by loop' has under '{name}' {value}, not a number;"):
            real(row, name)
        with pytest.raises(InputError, match=rf"under '{name}' {value}, not a whole number;"):
            whole(row, name)
    with pytest.raises(InputError, match=r"^a record 'error by loop' has under 'mean' 0.25, not a whole number"):
        whole(row, "mean")
    with pytest.raises(InputError, match=r"^a result has under 'parameters' None, not a whole number"):
        whole({}, "parameters")


def test_a_value_that_all_share() -> None:
    assert shared_value([3, 3]) == 3
    assert shared_value([3, 4]) is None
    assert shared_value([]) is None


def test_what_is_not_finite_is_null(result: Result):
    replace(result, summary={"error": math.nan}, records=[{"mean": math.inf}]).save()
    assert "NaN" not in (RUN / "result.json").read_text()
    assert load_result(RUN).summary == {"error": None}
    assert load_result(RUN).records == [{"mean": None}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema 2, newer than this icltool reads; update icltool"),
        ({"schema": "1"}, "no schema version"),
        ({"kind": None}, "damaged"),
        ({"label": 3}, "damaged"),
        ({"config": []}, "damaged"),
        ({"summary": {"a": {"b": 1}}}, "damaged"),
        ({"records": {}}, "damaged"),
        ({"records": [1]}, "damaged"),
        ({"records": [{"mean": [1]}]}, "damaged"),
    ],
)
def test_a_damaged_result_says_so(change: dict[str, Any], said: str, result: Result):
    result.save()
    table = json.loads((RUN / "result.json").read_text())
    (RUN / "result.json").write_text(json.dumps({**table, **change}))
    with pytest.raises(InputError, match=r"run/result.json") as raised:
        load_result(RUN)
    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\xff", '{"schema": 1', "[" * 100_000, '{"schema": true}'])
def test_what_is_no_result(text: str):
    Path("other.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"other.json is "):
        load_result(Path("other.json"))


def test_missing_and_unfinished(result: Result):
    with pytest.raises(InputError, match=r"cannot read none: No such file or directory"):
        load_result(Path("none"))
    (RUN / "config.toml").touch()
    with pytest.raises(InputError, match=r"run holds an unfinished run.*--resume"):
        load_result(RUN)
