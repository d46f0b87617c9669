"""The user's own data as prompts: a safetensors file of many, or a CSV of one.

Safetensors: `xs` [B, n, d] and `ys` [B, n]. CSV: a header, one row a point in the order seen, a column named `y`, every
other column a coordinate of x; the last y may be empty (the query).
"""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import torch

from icltool.core.errors import InputError
from icltool.core.files import unreadable
from icltool.core.tensor_files import read_plain_tensors
from icltool.regression.data.prompts import Prompts

TARGET = "y"
MAX_CSV_BYTES = 100_000_000


def read_user_prompts(path: Path) -> Prompts:
    """The prompts in a file, by its suffix; raises `InputError` saying what is wrong and where."""
    match path.suffix.lower():
        case ".csv":
            return _read_csv(path)
        case ".safetensors":
            return _read_safetensors(path)
        case suffix:
            raise InputError(
                f"{path}: {suffix or 'no suffix'} is not a data format; give a .safetensors file (xs, ys) or a .csv"
            )


def _read_safetensors(path: Path) -> Prompts:
    tensors = read_plain_tensors(path)
    missing = [name for name in ("xs", "ys") if name not in tensors]
    if missing:
        raise InputError(f"{path} has no tensor {missing[0]!r}; it needs xs [B, n, d] and ys [B, n]")
    xs, ys = tensors["xs"], tensors["ys"]
    if xs.ndim != 3 or ys.shape != xs.shape[:2] or 0 in xs.shape:
        raise InputError(
            f"{path}: xs has shape {list(xs.shape)} and ys {list(ys.shape)}; needed: [B, n, d] and [B, n], not empty"
        )
    for name, tensor in (("xs", xs), ("ys", ys)):
        if tensor.is_complex():
            raise InputError(f"{path}: {name} is complex; give real numbers")
        broken = (~tensor.float().isfinite()).nonzero()
        if len(broken):
            place: list[int] = broken[0].tolist()
            value = tensor[tuple(place)].item()
            reason = "too large for 32 bits" if math.isfinite(value) else "not a finite number"
            raise InputError(f"{path}: {name}{place} is {value}, {reason}; correct the value or leave the prompt out")
    return Prompts(xs=xs.float(), ys=ys.float())


def _read_csv(path: Path) -> Prompts:
    rows = _csv_rows(path)
    if not rows or not any(cell.strip() for cell in rows[0].cells):
        raise InputError(f"{path} is empty; it needs a header with a column y, and a row for each point")
    header = [name.strip() for name in rows[0].cells]
    if header.count(TARGET) != 1:
        raise InputError(
            f"{path} has {header.count(TARGET)} columns named y; it needs exactly one, and commas between columns "
            f"(header: {_short(header)})"
        )
    if len(header) < 2:
        raise InputError(f"{path} has no coordinate of x beside y; add a column for each")
    if len(rows) < 2:
        raise InputError(f"{path} has a header but no points; add a row for each point")
    target = header.index(TARGET)
    points: list[list[float]] = []
    for row in rows[1:]:
        if len(row.cells) != len(header):
            raise InputError(
                f"{path}, line {row.line}: {len(row.cells)} values for {len(header)} columns; give one for each"
            )
        query = row is rows[-1] and not row.cells[target].strip()
        points.append(
            [
                0.0 if query and column == target else _number(cell, path=path, line=row.line, column=header[column])
                for column, cell in enumerate(row.cells)
            ]
        )
    table = torch.tensor(points, dtype=torch.float64).float()
    if not bool(table.isfinite().all()):
        point = int((~table.isfinite()).any(1).nonzero()[0])
        raise InputError(f"{path}, line {rows[point + 1].line}: a number is too large for 32 bits; rescale the data")
    columns = [index for index in range(len(header)) if index != target]
    return Prompts(xs=table[None, :, columns], ys=table[None, :, target])


class _Row(NamedTuple):
    """A row and the line of the file it ends on."""

    line: int
    cells: list[str]


def _csv_rows(path: Path) -> list[_Row]:
    try:
        if path.stat().st_size > MAX_CSV_BYTES:
            raise InputError(f"{path} is larger than {MAX_CSV_BYTES} bytes; split it, or give safetensors")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            return [_Row(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        raise unreadable(path, error) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}; save it as one") from None


def _number(cell: str, *, path: Path, line: int, column: str) -> float:
    where = f"{path}, line {line}, column {column}"
    if not cell.strip():
        raise InputError(f"{where}: empty (only the last y, the query's, may be)")
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"{where}: {cell[:40]!r} is not a number; correct it") from None
    if not math.isfinite(value):
        raise InputError(f"{where}: {cell!r} is not a finite number; correct it or leave the point out")
    return value


def _short(header: list[str]) -> str:
    text = ", ".join(header)
    return text if len(text) <= 80 else f"{text[:80]}..."
