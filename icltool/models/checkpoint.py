"""A trained model as one file: weights, and a header that alone rebuilds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from icltool.core.config import Config
from icltool.core.errors import InputError, UsageError
from icltool.core.result import Value
from icltool.core.tensor_files import read_header, read_tensor_file, write_tensor_file
from icltool.models.looped import LoopedTransformer
from icltool.models.transformer_config import RegressionModelConfig

REGRESSION_KIND = "regression-transformer"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model read from a file and what its header says about it."""

    path: Path
    model: LoopedTransformer
    study: str
    config: Mapping[str, Any]
    step: int
    metrics: Mapping[str, Value]

    @property
    def label(self) -> str:
        """What a figure's legend calls the model."""
        return model_label(self.model.config)


def model_label(config: RegressionModelConfig) -> str:
    """`looped L=1 b=8`, `standard L=12`."""
    loops = "" if config.architecture == "standard" else f" b={config.b}"
    return f"{config.architecture} L={config.L}{loops}"


def new_model(config: RegressionModelConfig, generator: Generator | None) -> LoopedTransformer:
    """A model with weights from the generator (or, without one, to be loaded); the global generator stays untouched."""
    with torch.random.fork_rng(devices=[]):
        return LoopedTransformer(config, generator=generator)


def save_checkpoint(
    path: Path,
    model: LoopedTransformer,
    *,
    study: str,
    config: Config,
    step: int,
    metrics: Mapping[str, Value],
) -> None:
    """Write the model atomically; equal arguments give equal bytes."""
    header = {
        "study": study,
        "model": {"kind": REGRESSION_KIND, **model_settings(model.config)},
        "config": config.identity(),
        "step": step,
        "metrics": dict(metrics),
    }
    write_tensor_file(path, model.state_dict(), header)


def model_settings(config: RegressionModelConfig) -> dict[str, Any]:
    """The architecture's settings alone, whatever larger config they stand in."""
    return config.model_dump(mode="json", include=set(RegressionModelConfig.model_fields))


def load_checkpoint(path: Path) -> Checkpoint:
    """Rebuild a model from its file; a run folder stands for the model in it.

    Raises `InputError` when the file is missing, truncated, foreign, of a newer format, of another kind of model, or
    when its tensors do not fit its header.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    header = read_header(file)
    settings = header.get("model")
    if not isinstance(settings, dict) or settings.get("kind") != REGRESSION_KIND:
        raise InputError(f"{file} holds no in-context regression model; give a checkpoint that `icltool train` wrote")
    plain = {key: value for key, value in cast("dict[str, Any]", settings).items() if key != "kind"}
    try:
        config = RegressionModelConfig.create(plain, where=f"{file} (header)")
    except UsageError as error:
        raise InputError(str(error)) from None
    tensors = read_tensor_file(file).tensors
    with torch.device("meta"):
        model = LoopedTransformer(config)
    _require_fit(file, model, tensors)
    model.load_state_dict(dict(tensors), assign=True)
    return Checkpoint(
        path=file,
        model=model.eval(),
        study=str(header.get("study", "")),
        config=cast("dict[str, Any]", header.get("config") or {}),
        step=int(header.get("step", 0)),
        metrics=cast("dict[str, Value]", header.get("metrics") or {}),
    )


def _require_fit(file: Path, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in [*expected, *tensors]:
        wanted = expected.get(name)
        found = tuple(tensors[name].shape) if name in tensors else None
        if wanted != found:
            raise InputError(f"{file}: tensor {name} has shape {found}, its header says {wanted}; the file is damaged")
