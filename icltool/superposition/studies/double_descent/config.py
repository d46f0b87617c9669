"""Settings of `icltool double-descent`, and its presets."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from icltool.core.config import PresetValues, Scalar, setting
from icltool.core.runtime_config import GROUP as MACHINE
from icltool.core.runtime_config import RuntimeConfig, SeedConfig
from icltool.training.training_config import TRAINING, RecordingConfig

DATA = "Data"


class DoubleDescentConfig(RecordingConfig, SeedConfig, RuntimeConfig):
    """Train the toy ReLU model on T samples and compare its loss on them with its loss on fresh ones.

    The defaults (preset `fast`) show both regimes in minutes on two cores: a tenth of the features, and fewer steps at
    a higher learning rate. `paper` is the setting of Henighan et al. 2023.
    """

    DEFAULTS: ClassVar[PresetValues] = {"log_every": 50, "eval_every": 200, "save_every": 500}
    PRESETS: ClassVar[Mapping[str, PresetValues]] = {
        "paper": {
            "n": 10_000,
            "sparsity": 0.999,
            "steps": 50_000,
            "warmup": 2_500,
            "lr": 1e-3,
            "weight_decay": 1e-2,
            "log_every": 100,
            "eval_every": 2_500,
            "save_every": 1_000,
        },
    }
    GRIDS: ClassVar[Mapping[str, Mapping[str, Sequence[Scalar]]]] = {
        "fast": {"T": (3, 5, 8, 30, 100, 300, 1_000, 3_000, 10_000), "seed": (0, 1, 2)},
        "paper": {
            "T": (3, 5, 6, 8, 10, 15, 30, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000),
            "seed": (0, 1, 2, 3),
        },
    }

    T: int = setting(
        100, "Training samples; without --T and --seed: a grid of both, the whole curve.", group=DATA, ge=1, le=10**9
    )
    n: int = setting(1000, "Features.", group=DATA, ge=1, le=10**8)
    m: int = setting(2, "Hidden dimensions, at most n.", group=DATA, ge=1, le=10**4)
    sparsity: float = setting(0.99, "Probability that a feature of a sample is zero.", group=DATA, ge=0, lt=1)
    variant: Literal["paper", "report"] = setting(
        "paper",
        "report: with the mistakes of report 004's data (active features all near 1; columns normalised).",
        group=DATA,
    )
    test_samples: int = setting(4096, "Fresh samples of the test loss.", group=DATA, ge=1, le=10**9)
    eval_seed: int = setting(0, "Seed of the test samples; the same for every run.", group=DATA, ge=0, le=2**63 - 1)
    initialisations: int = setting(
        1, "Initial weights trained side by side; the lowest training loss is kept.", group=TRAINING, ge=1, le=10**4
    )
    steps: int = setting(2000, "Full-batch steps.", group=TRAINING, ge=1, le=10**9)
    lr: float = setting(1.2e-2, "Peak learning rate of AdamW; a cosine takes it to 0.", group=TRAINING, gt=0, le=1e3)
    warmup: int = setting(100, "Steps of linear warm-up, fewer than all.", group=TRAINING, ge=0, le=10**9)
    weight_decay: float = setting(1e-2, "Decoupled weight decay of AdamW.", group=TRAINING, ge=0, le=1e3)
    frames: int = setting(
        40, "Snapshots along training, for the animation of both planes.", group="Recording", ge=1, le=10_000
    )
    float64: bool = setting(default=False, help="Compute in float64.", group=MACHINE)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.m > self.n:
            raise ValueError(f"m = {self.m} hidden dimensions for n = {self.n} features: m is at most n")
        if self.warmup >= self.steps:
            raise ValueError(f"{self.warmup} warm-up steps do not fit in {self.steps} steps: warm up for fewer")
        if self.precision != "f32" or self.compile == "on":
            raise ValueError(
                "the exact engine computes in float32 or float64 without a compiler: leave out precision and compile"
            )
        return self

    @property
    def label(self) -> str:
        """What a figure's legend calls the run."""
        return f"T={self.T} m={self.m}"

    @property
    def slug(self) -> str:
        """What the run folder is called."""
        variant = "" if self.variant == "paper" else f"{self.variant}-"
        return f"{variant}T{self.T}-m{self.m}-n{self.n}-S{self.sparsity:g}-seed{self.seed}"
