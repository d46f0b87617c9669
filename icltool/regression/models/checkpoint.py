"""A trained model as one file: weights, and a header that alone rebuilds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from icltool.core.config import Config
from icltool.core.errors import InputError
from icltool.core.result import Value
from icltool.networks.model_file import TrainedModel, read_model_header, rebuilt, stored_settings, write_model
from icltool.regression.data.config import FUNCTION_CLASSES, FunctionClass
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.looped import LoopedTransformer

REGRESSION_KIND = "regression-transformer"


@dataclass(frozen=True, kw_only=True)
class Checkpoint(TrainedModel):
    """A model read from a file and what its header says about it."""

    model: LoopedTransformer

    @property
    def label(self) -> str:
        """What a figure's legend calls the model."""
        return model_label(self.model.config)

    @property
    def task(self) -> FunctionClass:
        """The class it was trained on; linear regression where the header does not say.

        Raises `InputError` for a class that this icltool does not know.
        """
        found = self.config.get("task", "linear-regression")
        for task in FUNCTION_CLASSES:
            if task == found:
                return task
        raise InputError(
            f"{self.path}: its header names the function class {found!r}, which this icltool does not know"
        )


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
    write_model(
        path,
        model,
        kind=REGRESSION_KIND,
        architecture=model_settings(model.config),
        study=study,
        config=config,
        step=step,
        metrics=metrics,
    )


def model_settings(config: RegressionModelConfig) -> dict[str, Any]:
    """The architecture's settings alone, whatever larger config they stand in."""
    return config.model_dump(mode="json", include=set(RegressionModelConfig.model_fields))


def load_checkpoint(path: Path) -> Checkpoint:
    """Rebuild a model from its file; a run folder stands for the model in it.

    Raises `InputError` when the file is missing, truncated, foreign, of a newer format, of another kind of model, or
    when its tensors do not fit its header.
    """
    header = read_model_header(
        path, kind=REGRESSION_KIND, expected="an in-context regression model, as `icltool train` writes one"
    )
    config = stored_settings(RegressionModelConfig, header.architecture, file=header.file)
    return Checkpoint(header=header, model=rebuilt(header.file, lambda: LoopedTransformer(config)))
