"""A study's result: what result.json holds, written and read back.

Records are long-form: one flat row a measurement, so that any table or figure is a filter over them.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from icltool.core.errors import InputError
from icltool.core.files import unreadable, write_atomically
from icltool.core.metrics_log import MetricRow, mean_rows, read_rows

SCHEMA_VERSION = 1
MAX_BYTES = 512_000_000

Value = str | int | float | bool | None
Row = Mapping[str, Value]


def real(row: Row, name: str) -> float:
    """The number in a column of a record, or in a setting or summary; raises `InputError` where there is none."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{_found_under(row, name)} {value!r}, not a number; run the study again, or update icltool")
    return float(value)


def whole(row: Row, name: str) -> int:
    """The whole number in a column of a record, or in a setting or summary; raises `InputError` where there is none."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(
            f"{_found_under(row, name)} {value!r}, not a whole number; run the study again, or update icltool"
        )
    return value


def shared_value(values: Iterable[Value]) -> Value:
    """The value that all of them have; None where they differ or there are none."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _found_under(row: Row, name: str) -> str:
    """What holds the column, as the beginning of an error."""
    return f"a record {row['measure']!r} has under {name!r}" if "measure" in row else f"a result has under {name!r}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run found.

    `kind` is the study's name, `label` what a figure's legend calls the run, `config` its resolved settings,
    `environment` the machine and versions, `summary` the few numbers to print, `records` the rows to plot. A mean over
    several seeds, which is drawn and not saved, has the folders of its runs in `seeds`.
    """

    kind: str
    label: str
    config: Mapping[str, Value]
    environment: Mapping[str, Value]
    summary: Mapping[str, Value]
    records: Sequence[Row]
    run: Path
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    seeds: Sequence[Path] = ()

    @property
    def path(self) -> Path:
        """The result's file."""
        return self.run / "result.json"

    @property
    def checkpoint(self) -> Path | None:
        """The trained model beside the result, when this run trained one."""
        path = self.run / "model.safetensors"
        return path if path.exists() else None

    def select(self, **wanted: Value) -> list[Row]:
        """The records whose columns have exactly these values."""
        return [row for row in self.records if all(row.get(key) == value for key, value in wanted.items())]

    def logged(self) -> list[MetricRow]:
        """The rows of metrics.jsonl; of several seeds the means of each column at the steps that all of them have."""
        return mean_rows([read_rows(run / "metrics.jsonl") for run in self.seeds or [self.run]])

    def save(self) -> None:
        """Write result.json atomically."""
        table = {
            "schema": SCHEMA_VERSION,
            "kind": self.kind,
            "label": self.label,
            "config": dict(self.config),
            "inputs": dict(self.inputs),
            "environment": dict(self.environment),
            "summary": _strict(self.summary),
            "records": [_strict(row) for row in self.records],
        }
        write_atomically(self.path, json.dumps(table, indent=1).encode() + b"\n")


def load_result(path: Path) -> Result:
    """The result in a result.json or in a run folder; raises `InputError` when there is none or it is malformed."""
    file = path / "result.json" if path.is_dir() else path
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{file} is {size} bytes; a result has at most {MAX_BYTES}")
        table = json.loads(file.read_bytes())
    except OSError as error:
        if (path / "config.toml").exists():
            raise InputError(f"{path} holds an unfinished run, which has no result yet; --resume it first") from None
        raise unreadable(file, error) from None
    except (ValueError, RecursionError):
        raise InputError(f"{file} is not a result.json (not valid JSON)") from None
    return _parse(cast("object", table), file)


def _parse(table: object, file: Path) -> Result:
    if not isinstance(table, dict) or not isinstance(cast("dict[str, Any]", table).get("schema"), int):
        raise InputError(f"{file} is not a result of icltool (no schema version)")
    fields = cast("dict[str, Any]", table)
    if fields["schema"] > SCHEMA_VERSION:
        raise InputError(f"{file} has schema {fields['schema']}, newer than this icltool reads; update icltool")
    tables = ("config", "environment", "summary", "inputs")
    if (
        not all(isinstance(fields.get(name), str) for name in ("kind", "label"))
        or not all(_is_flat(fields.get(name)) for name in tables)
        or not isinstance(fields.get("records"), list)
        or not all(_is_flat(row) for row in fields["records"])
    ):
        raise InputError(
            f"{file} is a damaged result (a part is missing or of the wrong type); run the study again with --force"
        )
    return Result(
        kind=fields["kind"],
        label=fields["label"],
        config=fields["config"],
        inputs=fields["inputs"],
        environment=fields["environment"],
        summary=fields["summary"],
        records=fields["records"],
        run=file.parent,
    )


def _strict(table: Row) -> dict[str, Value]:
    """The table without NaN and infinities, which JSON does not have: null stands for them."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in table.items()
    }


def _is_flat(table: object) -> bool:
    return isinstance(table, dict) and all(
        value is None or isinstance(value, str | int | float) for value in cast("dict[str, object]", table).values()
    )
