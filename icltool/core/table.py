"""A small table for people, and how numbers are written in one; printing it is the command's part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, column names and rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def counted(count: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def counted_range(counts: Iterable[int], what: str) -> str:
    """`3 seeds` where all counts are the same, `2 to 3 seeds` where they differ."""
    distinct = sorted(set(counts))
    least = "" if len(distinct) == 1 else f"{distinct[0]} to "
    return f"{least}{counted(distinct[-1], what)}"


def spread(last: int, most: int) -> list[int]:
    """At most `most` whole numbers evenly from 0 to `last`, both among them: the places that a table shows."""
    return sorted({round(last * place / max(1, most - 1)) for place in range(most)})


def banded(mean: object, low: object, high: object) -> str:
    """`mean [low, high]`, or the mean alone where all three read the same."""
    shown = [as_text(value) for value in (mean, low, high)]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def as_text(value: object) -> str:
    """A number as text: three significant digits, or whole from a thousand to a million; a dash for None."""
    if value is None:
        return "-"
    # From 999.5 on three significant digits would round up to 1e+03.
    if isinstance(value, float) and 999.5 <= abs(value) < 1e6:
        return f"{value:.0f}"
    if isinstance(value, float):
        return f"{value:.0e}" if value and abs(value) < 1e-3 else f"{value:.3g}"
    return str(value)
