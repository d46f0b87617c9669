"""The user's own data as prompts: a safetensors file of many, or a CSV of one.

Safetensors: `xs` [B, n, d] and `ys` [B, n]. CSV: a header, one row a point in the order seen, a column named `y`, every
other column a coordinate of x; the last y may be empty (the query).
"""

import csv
import math
from pathlib import Path

import torch

from icltool.core.errors import InputError
from icltool.core.tensor_files import read_plain_tensors
from icltool.data.prompts import Prompts

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
            raise InputError(f"{path}: {suffix or 'no suffix'} is no data format; give .safetensors (xs, ys) or .csv")


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
        if not bool(tensor.float().isfinite().all()):
            place = (~tensor.float().isfinite()).nonzero()[0].tolist()
            raise InputError(f"{path}: {name}{place} is not a finite number")
    return Prompts(xs=xs.float(), ys=ys.float())


def _read_csv(path: Path) -> Prompts:
    rows = _csv_rows(path)
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise InputError(f"{path} is empty; it needs a header with a column y, and a row for each point")
    header = [name.strip() for name in rows[0]]
    if header.count(TARGET) != 1:
        raise InputError(f"{path} has {header.count(TARGET)} columns named y; it needs exactly one (header: {header})")
    if len(header) < 2:
        raise InputError(f"{path} has no coordinate of x beside y")
    if len(rows) < 2:
        raise InputError(f"{path} has a header but no points")
    target = header.index(TARGET)
    points: list[list[float]] = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InputError(f"{path}, line {number}: {len(row)} values for {len(header)} columns")
        query = number == len(rows) and not row[target].strip()
        points.append(
            [
                0.0 if query and column == target else _number(cell, path=path, line=number, column=header[column])
                for column, cell in enumerate(row)
            ]
        )
    table = torch.tensor(points, dtype=torch.float64).float()
    if not bool(table.isfinite().all()):
        line = int((~table.isfinite()).any(1).nonzero()[0]) + 2
        raise InputError(f"{path}, line {line}: a number is too large for 32 bits")
    columns = [index for index in range(len(header)) if index != target]
    return Prompts(xs=table[None, :, columns], ys=table[None, :, target])


def _csv_rows(path: Path) -> list[list[str]]:
    try:
        if path.stat().st_size > MAX_CSV_BYTES:
            raise InputError(f"{path} is larger than {MAX_CSV_BYTES} bytes; split it, or give safetensors")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return [row for row in csv.reader(stream) if row]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV text file: {error}") from None


def _number(cell: str, *, path: Path, line: int, column: str) -> float:
    where = f"{path}, line {line}, column {column}"
    if not cell.strip():
        raise InputError(f"{where}: empty (only the last y, the query's, may be)")
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"{where}: {cell!r} is not a number") from None
    if not math.isfinite(value):
        raise InputError(f"{where}: {cell!r} is not a finite number")
    return value
