"""A trained in-context learner as one file: weights, and a header that alone rebuilds it and its data's preprocessing.

Beside the model the header holds `preprocessing` (how an image becomes the vector that a task projects): another data
set is brought to the same shape and refits only its own statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import nn

from icltool.core.config import Config
from icltool.core.errors import InputError
from icltool.core.result import Value
from icltool.gpicl.data.config import PreprocessingConfig
from icltool.gpicl.learners.all_learners import new_learner
from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.networks.model_file import (
    TrainedModel,
    header_table,
    read_model_header,
    rebuilt,
    stored_settings,
    write_model,
)

GPICL_KIND = "in-context-classifier"


@dataclass(frozen=True, kw_only=True)
class LearnedShape:
    """What a learner was built for: the shape of an image, the features a task projects, the classes."""

    images: tuple[int, ...]
    inputs: int
    classes: int


@dataclass(frozen=True, kw_only=True)
class GpiclCheckpoint(TrainedModel):
    """A learner read from a file and what its header says about it."""

    model: nn.Module
    architecture: GpiclModelConfig
    preprocessing: PreprocessingConfig
    shape: LearnedShape


def save_gpicl_checkpoint(
    path: Path,
    model: nn.Module,
    *,
    architecture: GpiclModelConfig,
    preprocessing: PreprocessingConfig,
    shape: LearnedShape,
    study: str,
    config: Config,
    step: int,
    metrics: Mapping[str, Value],
) -> None:
    """Write the learner atomically; equal arguments give equal bytes."""
    write_model(
        path,
        model,
        kind=GPICL_KIND,
        architecture={
            **architecture.model_dump(mode="json", include=set(GpiclModelConfig.model_fields)),
            "inputs": shape.inputs,
            "classes": shape.classes,
        },
        study=study,
        config=config,
        step=step,
        metrics=metrics,
        extra={
            "preprocessing": {
                **preprocessing.model_dump(mode="json", include=set(PreprocessingConfig.model_fields)),
                "images": list(shape.images),
            }
        },
    )


def load_gpicl_checkpoint(path: Path) -> GpiclCheckpoint:
    """Rebuild a learner from its file; a run folder stands for the model in it.

    Raises `InputError` when the file is missing, truncated, foreign, of a newer format, of another kind of model, or
    when its tensors do not fit its header.
    """
    header = read_model_header(
        path, kind=GPICL_KIND, expected="an in-context classifier, as `icltool gpicl-train` writes one"
    )
    where = f"{header.file} (header)"
    settings = dict(header.architecture)
    prepared = dict(header_table(header.file, "preprocessing", header.extra.get("preprocessing") or {}))
    shape = LearnedShape(
        images=tuple(_sizes(prepared.pop("images", None), where=where)),
        inputs=_sizes([settings.pop("inputs", None)], where=where)[0],
        classes=_sizes([settings.pop("classes", None)], where=where)[0],
    )
    architecture = stored_settings(GpiclModelConfig, settings, file=header.file)
    preprocessing = stored_settings(PreprocessingConfig, prepared, file=header.file)
    return GpiclCheckpoint(
        header=header,
        model=rebuilt(header.file, lambda: new_learner(architecture, inputs=shape.inputs, classes=shape.classes)),
        architecture=architecture,
        preprocessing=preprocessing,
        shape=shape,
    )


def _sizes(found: object, *, where: str) -> list[int]:
    """Positive whole numbers, or the one line that the header is damaged."""
    numbers = cast("list[object]", found) if isinstance(found, list) else []
    sizes = [number for number in numbers if isinstance(number, int) and number > 0]
    if not sizes or len(sizes) != len(numbers):
        raise InputError(f"{where}: the sizes of the learner are missing or odd; the file is damaged")
    return sizes
