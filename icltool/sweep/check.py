"""A repeated sweep against its recipe's record: what moved further than the record allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from icltool.core.errors import InputError
from icltool.core.result import Result
from icltool.core.table import Table, as_text
from icltool.sweep.recipe import Scale
from icltool.sweep.record import RecordedMeans, ScaleRecord, read_reference, recorded_means

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A number that is not as recorded: `recorded` and `found` are means, None where there is none.

    `allowed` is the largest difference that would have passed; `what` says in a word what happened.
    """

    stage: str
    settings: str
    measure: str
    recorded: float | None
    found: float | None
    allowed: float | None
    what: Literal["moved", "gone", "new", "other runs"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How many recorded numbers were compared, and those that differ."""

    compared: int
    differences: Sequence[Difference]


def recorded_scale(file: Path, scale: Scale) -> ScaleRecord:
    """The record of a scale; raises `InputError` when there is none."""
    reference = read_reference(file)
    if reference is None or scale not in reference.scales:
        raise InputError(f"{file} holds no record of the scale {scale}; make one with --scale {scale} --record")
    return reference.scales[scale]


def compare(sweep: Result, recorded: ScaleRecord) -> Comparison:
    """Every recorded mean against the sweep's; a group or measure on one side only is a difference too."""
    before = {_place(group): group for group in recorded.figures}
    now = {_place(group): group for group in recorded_means(sweep)}
    differences: list[Difference] = []
    compared = 0
    for place in [*before, *(place for place in now if place not in before)]:
        old, new = before.get(place), now.get(place)
        if old is not None and new is not None and old.runs != new.runs:
            differences.append(_other_runs(place, old.runs, new.runs))
        measures = [*(old.measures if old else ()), *(new.measures if new else ())]
        for measure in dict.fromkeys(measures):
            compared += 1
            pair = (old.measures.get(measure) if old else None, new.measures.get(measure) if new else None)
            difference = _difference(place, measure, *pair, recorded=recorded)
            if difference is not None:
                differences.append(difference)
    return Comparison(compared=compared, differences=differences)


def differences_table(comparison: Comparison) -> Table:
    """The differences as people read them."""
    columns = ("stage", "settings", "measure", "recorded", "now", "allowed ±", "")
    rows = [
        (
            entry.stage,
            entry.settings,
            entry.measure.replace("_", " "),
            as_text(entry.recorded),
            as_text(entry.found),
            as_text(entry.allowed),
            entry.what,
        )
        for entry in comparison.differences
    ]
    return Table(title=f"{len(rows)} of {comparison.compared} numbers moved", columns=columns, rows=rows)


def _difference(
    place: tuple[str, str], measure: str, old: Triple | None, new: Triple | None, *, recorded: ScaleRecord
) -> Difference | None:
    stage, settings = place
    allowed = recorded.tolerance_of(measure).allowed(*old) if old else None
    if old is not None and new is not None and allowed is not None:
        if abs(new[0] - old[0]) <= allowed:
            return None
        what: Literal["moved", "gone", "new"] = "moved"
    else:
        what = "gone" if new is None else "new"
    return Difference(
        stage=stage,
        settings=settings,
        measure=measure,
        recorded=old[0] if old else None,
        found=new[0] if new else None,
        allowed=allowed,
        what=what,
    )


def _other_runs(place: tuple[str, str], old: int, new: int) -> Difference:
    stage, settings = place
    return Difference(
        stage=stage, settings=settings, measure="runs", recorded=old, found=new, allowed=0, what="other runs"
    )


def _place(group: RecordedMeans) -> tuple[str, str]:
    return group.stage, " ".join(f"{name}={value}" for name, value in sorted(group.settings.items()))
