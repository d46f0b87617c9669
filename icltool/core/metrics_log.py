"""metrics.jsonl: one JSON object a logged step, appended as training goes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from icltool.core.errors import InputError, OutputError
from icltool.core.files import unreadable, write_atomically

# The longest training here logs some megabytes.
MAX_BYTES = 512_000_000

MetricRow = Mapping[str, float | int | None]


def append_rows(path: Path, rows: Sequence[MetricRow]) -> None:
    """Append rows; raises `OutputError` when they cannot be written."""
    if not rows:
        return
    text = "".join(json.dumps(dict(row)) + "\n" for row in rows)
    try:
        with path.open("a") as stream:
            stream.write(text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; training so far can be resumed") from None


def read_rows(path: Path) -> list[dict[str, float | int | None]]:
    """The complete rows of a metrics file; a line cut off by a crash is left out. Missing file: no rows.

    Raises `InputError` for a file that is too large or cannot be read.
    """
    rows: list[dict[str, float | int | None]] = []
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path} is {size} bytes; at most {MAX_BYTES} are read; move it away to go on without it")
        with path.open(errors="replace") as stream:
            for line in stream:
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(row, dict) and isinstance(cast("dict[str, object]", row).get("step"), int):
                    rows.append(cast("dict[str, float | int | None]", row))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(path, error) from None
    return rows


def mean_rows(tables: Sequence[Sequence[MetricRow]]) -> list[MetricRow]:
    """Means over the tables of each column, at steps that all have and where all have a value; one table as it is.

    Learning curves have no band, so this needs no bootstrap (and no torch).
    """
    if len(tables) == 1:
        return [*tables[0]]
    by_step = [{row["step"]: row for row in table} for table in tables]
    shared = [step for step in by_step[0] if all(step in table for table in by_step)]
    return [_mean_row([table[step] for table in by_step]) for step in shared]


def drop_rows_after(path: Path, step: int) -> None:
    """Keep the rows up to this step: what a resumed run will not write again."""
    rows = read_rows(path)
    kept = [row for row in rows if int(row["step"] or 0) <= step]
    if path.exists():
        write_atomically(path, "".join(json.dumps(row) + "\n" for row in kept).encode())


def _mean_row(rows: Sequence[MetricRow]) -> MetricRow:
    mean: dict[str, float | int | None] = {"step": rows[0]["step"]}
    for column in rows[0]:
        values = [value for row in rows if (value := row.get(column)) is not None]
        if column != "step" and len(values) == len(rows):
            mean[column] = sum(values) / len(values)
    return mean
