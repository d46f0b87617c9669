"""Settings of `icltool train`, and the presets of the papers and reports."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from icltool.core.config import Config, PresetValues, setting
from icltool.core.measurement_config import EvaluationConfig
from icltool.core.runtime_config import RuntimeConfig, SeedConfig
from icltool.regression.data.config import PromptConfig
from icltool.regression.models.config import RegressionModelConfig
from icltool.training.training_config import OptimiserConfig, RecordingConfig

LOOPS = "Loops in training"
CURRICULUM = "Curriculum"

# What the interim evaluations look at: enough for a curve; its last point and the final figures use all of
# `eval_prompts`.
INTERIM_PROMPTS = 256

# Garg et al.'s curriculum and Yang et al.'s training, shared by the presets that follow them.
_OFFICIAL: PresetValues = {
    "d": 20,
    "n": 41,
    "heads": 8,
    "optimiser": "adam",
    "lr": 1e-4,
    "clip": 0.0,
    "schedule": "constant",
    "warmup": 0,
    "curriculum": "timed",
    "batch_points": 0,
    "dims_start": 5,
    "dims_step": 1,
    "points_start": 11,
    "points_step": 2,
    "stage_steps": 5000,
    "log_every": 100,
    "eval_every": 5000,
    "save_every": 1000,
}
# The reports' short runs: one size of prompt from the first step.
_NO_CURRICULUM: PresetValues = {
    "optimiser": "adam",
    "clip": 0.0,
    "schedule": "constant",
    "warmup": 0,
    "curriculum": "none",
    "log_every": 50,
    "eval_every": 500,
    "save_every": 500,
}


class LoopTrainingConfig(RegressionModelConfig):
    """Which loops enter the loss, and how many loops are trained at a step."""

    T: int | None = setting(None, "Loop window: the last T loops enter the loss; unset: all b.", group=LOOPS, ge=1)
    dilation: int = setting(1, "Every how many-th loop of the window enters the loss.", group=LOOPS, ge=1)
    between: Literal["attached", "detached"] = setting(
        "attached", "With --dilation: do gradients flow through the loops between two scored ones?", group=LOOPS
    )
    loops_start: int | None = setting(None, "Loops trained at first; unset: b from the start.", group=LOOPS, ge=1)
    loops_step: int = setting(2, "Loops added by a step of the loop schedule.", group=LOOPS, ge=1)
    loops_every: int = setting(500, "Training steps between additions of loops.", group=LOOPS, ge=1)

    @model_validator(mode="after")
    def _check_schedule(self) -> Self:
        if self.loops_start is not None and self.loops_start > self.loops:
            raise ValueError(f"loops_start is {self.loops_start}, more than the {self.loops} loops of the model")
        return self

    @property
    def window(self) -> int:
        """The loops in the loss, never more than there are."""
        return min(self.T or self.loops, self.loops)


class CurriculumConfig(Config):
    """Prompts that grow (Garg et al. 2022, section 3): few coordinates and points first.

    At stage s the prompts use dims_start + s·dims_step coordinates and points_start + s·points_step points; once all d
    coordinates are in use, all n points are.
    """

    curriculum: Literal["gated", "timed", "none"] = setting(
        "gated",
        "gated: next stage when the running error falls below --gate; timed: every --stage-steps; none.",
        group=CURRICULUM,
    )
    batch_points: int = setting(
        1024,
        "Least points of a batch: early, short prompts come in larger batches; 0: always --batch prompts.",
        group=CURRICULUM,
        ge=0,
        le=10**9,
    )
    dims_start: int = setting(2, "Coordinates in use at first.", group=CURRICULUM, ge=1)
    dims_step: int = setting(2, "Coordinates added by a stage.", group=CURRICULUM, ge=1)
    points_start: int = setting(7, "Points of a prompt at first.", group=CURRICULUM, ge=1)
    points_step: int = setting(4, "Points added by a stage.", group=CURRICULUM, ge=0)
    stage_steps: int = setting(150, "Steps of a stage (the most, when gated).", group=CURRICULUM, ge=1)
    stage_min: int = setting(25, "Least steps of a gated stage.", group=CURRICULUM, ge=1)
    gate: float = setting(
        0.4, "Running error of the last points, normalised, that opens the next stage.", group=CURRICULUM, gt=0
    )


class TrainConfig(
    LoopTrainingConfig,
    PromptConfig,
    OptimiserConfig,
    CurriculumConfig,
    EvaluationConfig,
    RecordingConfig,
    SeedConfig,
    RuntimeConfig,
):
    """Train a transformer to regress in context.

    `train_prompts` makes the training set finite: that many prompts, drawn once and met again and again.

    The defaults (preset `fast`) train differently from the papers: Muon and a gated curriculum, so that a small model
    learns in minutes on two cores. Model, prompts and test are the papers'.
    """

    train_prompts: int | None = setting(
        None, "Train on this many prompts, met again and again; unset: fresh ones.", group="Prompts", ge=1, le=10**7
    )

    PRESETS: ClassVar[Mapping[str, PresetValues]] = {
        # Yang et al. 2023, linear regression (b = 20, T = 15), loops growing from T by 2 every 500 steps.
        "paper": {**_OFFICIAL, "width": 256, "b": 20, "T": 15, "loops_start": 15, "steps": 500_000},
        # Report 000; its lr is 1e-3 for L = 1 (give --lr 1e-3 there).
        "depth-vs-loops": {**_NO_CURRICULUM, "d": 8, "n": 64, "steps": 10_000, "lr": 5e-4},
        # Report 001.
        "loop-study": {
            **_NO_CURRICULUM,
            "d": 10,
            "n": 31,
            "width": 256,
            "b": 10,
            "T": 10,
            "steps": 20_000,
            "lr": 1e-4,
        },
        # Report 002, the probed looped model; --architecture standard --L 20 is the other.
        "probing": {**_OFFICIAL, "width": 128, "b": 100, "T": 20, "loops_start": 20, "steps": 100_000},
        # Report 002, dilated windows; loops start at T times the dilation.
        "dilation": {**_OFFICIAL, "width": 64, "b": 60, "T": 15, "loops_start": 15, "steps": 150_000},
    }

    @model_validator(mode="after")
    def _check_curriculum(self) -> Self:
        if self.curriculum == "gated" and self.stage_min > self.stage_steps:
            raise ValueError(f"stage_min is {self.stage_min}, more than the {self.stage_steps} of stage_steps")
        return self

    def resolved(self) -> Self:
        """Also the window as it acts: T = 20 with b = 5 is the same run as T = 5."""
        update = {"T": self.window, "b": self.loops, "compile": self.compile_for(self.steps)}
        return super().resolved().model_copy(update=update)

    @property
    def slug(self) -> str:
        """What the run folder is called."""
        loops = "" if self.architecture == "standard" else f"-b{self.b}-T{self.window}"
        return f"{self.architecture}-L{self.L}{loops}-D{self.width}-{self.task}-d{self.d}-seed{self.seed}"
