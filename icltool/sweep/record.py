"""A recipe's record, `reference.json`: each scale's means over seeds, how far they may move, the machine.

{"schema": 1, "recipe": "masked-state", "claim": "1e", "scales": {"cpu": {
  "tolerance": {"relative": 0.1, "absolute": 1e-06, "bands": 1.0},   # kept when the scale is recorded again
  "exceptions": {"best_loop": {"absolute": 2.0}},                    # a measure that needs another one
  "machine": {"seconds": 812.4, "processor": "...", ...},            # all that differs from run to run
  "figures": [{"stage": "train", "settings": {"b": 2}, "runs": 3, "measures": {"held_out_error": [mean, low, high]}}]}}}
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from icltool.core.errors import InputError
from icltool.core.files import unreadable, write_atomically
from icltool.core.result import Result, Row, Value, real, whole
from icltool.sweep.collect import AGGREGATE
from icltool.sweep.recipe import Scale

FILE = "reference.json"
SCHEMA_VERSION = 1
MAX_BYTES = 20_000_000
DIGITS = 6
_FIXED = frozenset({"table", "stage", "measure", "mean", "low", "high", "runs"})


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tolerance(_Strict):
    """A mean may move by the largest of: absolute, relative times itself, bands times the width of its 5-95 % band."""

    relative: float = Field(default=0.0, ge=0)
    absolute: float = Field(default=0.0, ge=0)
    bands: float = Field(default=0.0, ge=0)

    def allowed(self, mean: float, low: float, high: float) -> float:
        """How far from `mean` a repeat may be."""
        return max(self.absolute, self.relative * abs(mean), self.bands * (high - low))


# A smoke run has too few steps for rounding to grow; a longer one amplifies it, so that its seeds' spread counts too.
TOLERANCES: Mapping[Scale, Tolerance] = {
    "smoke": Tolerance(relative=0.05, absolute=1e-4),
    "cpu": Tolerance(relative=0.1, absolute=1e-6, bands=1.0),
    "paper": Tolerance(relative=0.1, absolute=1e-6, bands=1.0),
}


class RecordedMeans(_Strict):
    """The runs that differ in their seeds only: their settings, and mean, low, high of each measure."""

    stage: str
    settings: dict[str, bool | int | float | str | None]
    runs: int
    measures: dict[str, tuple[float, float, float]]


class ScaleRecord(_Strict):
    """One scale's recorded means (`figures` in the file), their tolerance (and a measure's own), and the machine."""

    tolerance: Tolerance
    exceptions: dict[str, Tolerance] = Field(default_factory=dict)
    machine: dict[str, bool | int | float | str | None]
    figures: list[RecordedMeans]

    def tolerance_of(self, measure: str) -> Tolerance:
        """The tolerance of a measure."""
        return self.exceptions.get(measure, self.tolerance)


class Reference(_Strict):
    """What is recorded of a recipe."""

    schema_version: Literal[1] = Field(default=SCHEMA_VERSION, alias="schema")
    recipe: str
    claim: str
    scales: dict[Scale, ScaleRecord] = Field(default_factory=dict)


def reference_file(recipe: Path) -> Path:
    """Where a recipe's record is; `recipe` is its folder or its recipe.toml."""
    return (recipe if recipe.is_dir() else recipe.parent) / FILE


def read_reference(file: Path) -> Reference | None:
    """The record in a file, None when there is no file; raises `InputError` when it is malformed."""
    if not file.exists():
        return None
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{file} is {size} bytes; a record has at most {MAX_BYTES}")
        return Reference.model_validate(json.loads(file.read_bytes()))
    except OSError as error:
        raise unreadable(file, error) from None
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"]) or "the whole"
        raise InputError(f"{file}: {place}: {detail['msg']}; repair it, or record again with --record") from None
    except (ValueError, RecursionError):
        raise InputError(f"{file} is not valid JSON; repair it, or remove it and record again with --record") from None


def record(sweep: Result, *, scale: Scale, file: Path) -> Reference:
    """Write the sweep's means as the record of its scale; other scales, tolerances and exceptions stay.

    The file is sorted, a group of runs a line, so that a change reads as what moved.
    """
    recipe, claim = str(sweep.config.get("recipe")), str(sweep.config.get("claim"))
    before = read_reference(file)
    scales = dict(before.scales) if before else {}
    old = scales.get(scale)
    scales[scale] = ScaleRecord(
        tolerance=old.tolerance if old else TOLERANCES[scale],
        exceptions=old.exceptions if old else {},
        machine={**dict(sorted(sweep.environment.items())), "seconds": sweep.summary.get("seconds")},
        figures=recorded_means(sweep),
    )
    reference = Reference(schema=SCHEMA_VERSION, recipe=recipe, claim=claim, scales=dict(sorted(scales.items())))
    write_atomically(file, _text(reference).encode())
    return reference


def recorded_means(sweep: Result) -> list[RecordedMeans]:
    """A sweep's aggregates by stage and settings, sorted, to six digits, without what measures the machine."""
    groups: dict[str, dict[str, tuple[float, float, float]]] = {}
    heads: dict[str, tuple[str, dict[str, Value], int]] = {}
    for row in sweep.select(table=AGGREGATE):
        measure = str(row["measure"])
        if is_timing(measure):
            continue
        settings = {key: value for key, value in sorted(row.items()) if key not in _FIXED}
        key = json.dumps([row["stage"], settings])
        heads.setdefault(key, (str(row["stage"]), settings, whole(row, "runs")))
        groups.setdefault(key, {})[measure] = (_number(row, "mean"), _number(row, "low"), _number(row, "high"))
    found = [
        RecordedMeans(stage=stage, settings=settings, runs=runs, measures=dict(sorted(groups[key].items())))
        for key, (stage, settings, runs) in heads.items()
    ]
    return sorted(found, key=_order)


def is_timing(measure: str) -> bool:
    """Whether a measure is of the machine, not of the claim: seconds, and what is counted by them."""
    return measure.endswith(("seconds", "per_second"))


def _number(row: Row, column: str) -> float:
    return float(f"{real(row, column):.{DIGITS}g}")


def _order(group: RecordedMeans) -> tuple[str, list[tuple[str, str, float, str]]]:
    """By stage, then by settings, numbers as numbers."""
    parts: Sequence[tuple[str, Value]] = list(group.settings.items())
    numeric = [
        (name, "number", float(value), "") if isinstance(value, int | float) else (name, "text", 0.0, str(value))
        for name, value in parts
    ]
    return group.stage, numeric


def _text(reference: Reference) -> str:
    """JSON with each group of runs on a line of its own."""
    table = reference.model_dump(mode="json", by_alias=True)
    lines: dict[str, str] = {}
    for scale, content in table["scales"].items():
        for place, group in enumerate(content["figures"]):
            mark = f"@{scale}-{place}@"
            lines[f'"{mark}"'] = json.dumps(group, allow_nan=False)
            content["figures"][place] = mark
    text = json.dumps(table, indent=1, allow_nan=False)
    for mark, line in lines.items():
        text = text.replace(mark, line, 1)
    return text + "\n"
