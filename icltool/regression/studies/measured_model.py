"""A trained model and the prompts that it is measured on: what `eval`, `mask-tokens` and `probe` begin with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Generator

from icltool.core.files import sha256_of
from icltool.core.result import Value
from icltool.regression.data.config import FunctionClass, Shift
from icltool.regression.data.function_classes import error_scale, sample_prompts
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.config import MeasuredCheckpointConfig
from icltool.regression.evaluation.in_context import evaluation_prompts
from icltool.regression.models.checkpoint import Checkpoint, load_checkpoint
from icltool.regression.models.looped import LoopedTransformer

Settings = TypeVar("Settings", bound=MeasuredCheckpointConfig)


@dataclass(frozen=True, kw_only=True)
class MeasuredModel:
    """A checkpoint, the functions, points and loops that it is measured with, and its file's checksum."""

    checkpoint: Checkpoint
    task: FunctionClass
    n: int
    loops: int
    inputs: Mapping[str, str]

    @property
    def model(self) -> LoopedTransformer:
        """The model itself."""
        return self.checkpoint.model

    @property
    def d(self) -> int:
        """Dimensions of x."""
        return self.model.config.d

    @property
    def error_scale(self) -> float:
        """What squared errors are divided by, so that predicting zero scores 1."""
        return error_scale(self.task, d=self.d)

    @property
    def settings(self) -> Mapping[str, Value]:
        """What a result says of the model beside the study's own settings."""
        return {"d": self.d, "b": self.model.config.loops}

    def settled(self, config: Settings) -> Settings:
        """The settings with everything that was left open fixed, so that asking for it explicitly is the same run."""
        update = {"task": self.task, "n": self.n, "loops": self.loops}
        return config.resolved().model_copy(update=update)

    def draw(self, random: Generator, *, batch: int) -> Prompts:
        """Fresh prompts."""
        return sample_prompts(self.task, random, batch=batch, n=self.n, d=self.d)

    def held_out(self, *, seed: int, prompts: int, shift: Shift = "none") -> Prompts:
        """The held-out prompts of an evaluation seed."""
        return evaluation_prompts(self.task, seed=seed, prompts=prompts, n=self.n, d=self.d, shift=shift)


def measured_model(config: MeasuredCheckpointConfig, *, loops: int | None) -> MeasuredModel:
    """The checkpoint that the settings name; task, n and `loops` as in its training where they are None.

    Raises `InputError` for a bad checkpoint.
    """
    checkpoint = load_checkpoint(Path(config.checkpoint))
    trained = checkpoint.model.config
    return MeasuredModel(
        checkpoint=checkpoint,
        task=config.task or checkpoint.task,
        n=config.n or trained.n,
        loops=loops or trained.loops,
        inputs={"checkpoint": sha256_of(checkpoint.path)},
    )
