"""What checkpoints of every kind of model share: a header that alone rebuilds the model, and weights that must fit it.

Header: study, model (kind and architecture), config, step, metrics, and what a kind adds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from icltool.core.config import Config
from icltool.core.errors import InputError, UsageError
from icltool.core.result import Value
from icltool.core.tensor_files import read_tensor_file, write_tensor_file
from icltool.core.tensor_header import read_header


@dataclass(frozen=True, kw_only=True)
class ModelHeader:
    """What a checkpoint's header says. `architecture` holds the model's settings, `extra` what its kind adds."""

    file: Path
    study: str
    architecture: Mapping[str, Any]
    config: Mapping[str, Any]
    step: int
    metrics: Mapping[str, Value]
    extra: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """What is known of a model read from a file, of whatever kind."""

    header: ModelHeader

    @property
    def path(self) -> Path:
        """The file."""
        return self.header.file

    @property
    def study(self) -> str:
        """The study that trained it."""
        return self.header.study

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings it was trained with."""
        return self.header.config

    @property
    def step(self) -> int:
        """The training steps it has behind it."""
        return self.header.step

    @property
    def metrics(self) -> Mapping[str, Value]:
        """What training measured last."""
        return self.header.metrics

    @property
    def run_name(self) -> str:
        """What the trained run's folder is called, without the hash at its end."""
        return re.sub(r"-[0-9a-f]{8}$", "", self.path.resolve().parent.name)


def write_model(
    path: Path,
    model: nn.Module,
    *,
    kind: str,
    architecture: Mapping[str, Any],
    study: str,
    config: Config,
    step: int,
    metrics: Mapping[str, Value],
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write the model atomically; equal arguments give equal bytes."""
    header = {
        **(extra or {}),
        "study": study,
        "model": {"kind": kind, **architecture},
        "config": config.identity(),
        "step": step,
        "metrics": dict(metrics),
    }
    write_tensor_file(path, model.state_dict(), header)


def read_model_header(path: Path, *, kind: str, expected: str) -> ModelHeader:
    """The header of a checkpoint of this kind; a run folder stands for the model in it.

    Raises `InputError` when the file is missing, truncated, foreign, of a newer format, or of another kind; `expected`
    says what was wanted (`a checkpoint that icltool train wrote`).
    """
    file = path / "model.safetensors" if path.is_dir() else path
    header = read_header(file)
    settings = header.pop("model", None)
    if not isinstance(settings, dict) or cast("dict[str, Any]", settings).get("kind") != kind:
        raise InputError(f"{file} holds another kind of model; give {expected}")
    architecture = {key: value for key, value in cast("dict[str, Any]", settings).items() if key != "kind"}
    return ModelHeader(
        file=file,
        study=str(header.pop("study", "")),
        architecture=architecture,
        config=header_table(file, "config", header.pop("config", {})),
        step=_step(file, header.pop("step", 0)),
        metrics=header_table(file, "metrics", header.pop("metrics", {})),
        extra=header,
    )


def header_table(file: Path, name: str, value: object) -> dict[str, Any]:
    """A table in a header; raises `InputError` when it is none."""
    if not isinstance(value, dict):
        raise InputError(f"{file} has a damaged icltool header ({name} is not a table); write it again")
    return cast("dict[str, Any]", value)


def _step(file: Path, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{file} has a damaged icltool header (step is not a whole number); write it again")
    return value


Settings = TypeVar("Settings", bound=Config)
Model = TypeVar("Model", bound=nn.Module)


def stored_settings(kind: type[Settings], values: Mapping[str, object], *, file: Path) -> Settings:
    """Settings out of a header; raises `InputError` (the file is at fault, not the command) when they are wrong."""
    try:
        return kind.create(values, where=f"{file} (header)")
    except UsageError as error:
        raise InputError(str(error)) from None


def rebuilt(file: Path, build: Callable[[], Model]) -> Model:
    """The model that `build` makes, with the file's weights, for evaluation; raises `InputError` when they misfit."""
    with torch.device("meta"):
        model = build()
    load_weights(file, model)
    return model.eval()


def load_weights(file: Path, model: nn.Module) -> None:
    """Give a model built on the meta device its weights; raises `InputError` when they do not fit."""
    tensors = read_tensor_file(file).tensors
    _require_fit(file, model, tensors)
    model.load_state_dict(dict(tensors), assign=True)


def _require_fit(file: Path, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in [*expected, *tensors]:
        wanted = expected.get(name)
        found = tuple(tensors[name].shape) if name in tensors else None
        if wanted != found:
            raise InputError(f"{file}: tensor {name} has shape {found}, its header says {wanted}; the file is damaged")
        if tensors[name].dtype != torch.float32:
            raise InputError(f"{file}: tensor {name} is {tensors[name].dtype}, expected torch.float32; write it again")
        if not bool(tensors[name].isfinite().all()):
            raise InputError(f"{file}: tensor {name} is not finite; the training diverged, use an earlier checkpoint")
