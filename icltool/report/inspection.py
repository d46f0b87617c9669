"""What a file of icltool's holds, as plain facts, for `inspect`."""

from collections.abc import Mapping
from math import prod
from pathlib import Path

from icltool.core.metrics_log import read_rows
from icltool.core.result import Value, load_result
from icltool.core.tensor_header import read_header, tensor_shapes
from icltool.core.toml_files import read_toml
from icltool.studies import find_study


def describe(path: Path) -> dict[str, object]:
    """The facts of a checkpoint, a resume state, a result.json or a run folder; raises `InputError` otherwise."""
    if path.is_dir():
        return _run_folder(path)
    if path.suffix == ".json":
        return _result(path)
    return _tensors(path)


def _run_folder(path: Path) -> dict[str, object]:
    if not (path / "config.toml").exists():
        # A sweep's folder: its settings are its runs'. Of any other the error says where a result is.
        return _result(path)
    settings = read_toml(path / "config.toml")
    finished = (path / "result.json").exists()
    facts: dict[str, object] = {"what": "run folder", "state": "finished" if finished else "unfinished (--resume it)"}
    rows = read_rows(path / "metrics.jsonl")
    if rows and not finished:
        facts["last logged step"] = rows[-1]["step"]
    files = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    facts["files"] = {entry.name: f"{entry.stat().st_size} bytes" for entry in files}
    if finished:
        return {**facts, **{key: value for key, value in _result(path / "result.json").items() if key != "what"}}
    return {**facts, "config": settings}


def _result(path: Path) -> dict[str, object]:
    result = load_result(path)
    return {
        "what": "result",
        "kind": result.kind,
        "label": result.label,
        "records": len(result.records),
        "summary": dict(result.summary),
        "config": _by_weight(result.kind, result.config),
        "inputs": dict(result.inputs),
        "environment": dict(result.environment),
    }


def _by_weight(kind: str, config: Mapping[str, Value]) -> dict[str, Value]:
    """The settings as the study's help has them, then whatever else is stored."""
    study = find_study(kind)
    names = [] if study is None else study.config().names()
    return {name: config[name] for name in [*names, *config] if name in config}


def _tensors(path: Path) -> dict[str, object]:
    header = read_header(path)
    shapes = tensor_shapes(path)
    return {
        "what": "resume state" if header.get("kind") == "resume-state" else "checkpoint",
        "tensors": len(shapes),
        "numbers": sum(prod(shape) for shape in shapes.values()),
        **header,
        "shapes": {name: " × ".join(map(str, shape)) or "scalar" for name, shape in shapes.items()},
    }
