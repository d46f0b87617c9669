"""How a model is trained: length, optimiser, learning rate, recording."""

from dataclasses import dataclass
from typing import Literal

from icltool.core.config import Config, setting

TRAINING = "Training"
RECORDING = "Recording"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many steps, and how often to log, evaluate and save."""

    steps: int
    log_every: int
    eval_every: int
    save_every: int


class OptimiserConfig(Config):
    """Steps, batch, optimiser and learning rate."""

    steps: int = setting(1600, "Training steps.", group=TRAINING, ge=1, le=10**9)
    batch: int = setting(64, "Prompts of a step.", group=TRAINING, ge=1, le=10**6)
    optimiser: Literal["muon", "adam", "adamw"] = setting(
        "muon", "muon: the block's matrices by Muon, the rest by Adam.", group=TRAINING
    )
    lr: float = setting(0.02, "Peak learning rate (of Muon, where it is used).", group=TRAINING, gt=0, le=1e3)
    adam_lr: float = setting(1e-3, "Peak learning rate of what Muon does not take.", group=TRAINING, gt=0, le=1e3)
    momentum: float = setting(0.95, "Momentum of Muon.", group=TRAINING, ge=0, lt=1)
    adam_eps: float = setting(1e-8, "Epsilon of Adam.", group=TRAINING, gt=0, le=1)
    weight_decay: float = setting(0.0, "Decoupled weight decay of Muon and AdamW.", group=TRAINING, ge=0, le=1e3)
    clip: float = setting(1.0, "Largest norm of the gradient; 0: no clipping.", group=TRAINING, ge=0)
    schedule: Literal["trapezoid", "cosine", "constant"] = setting(
        "trapezoid",
        "Learning rate after warm-up: constant with a linear fall over the last --decay; a cosine; constant.",
        group=TRAINING,
    )
    decay: float = setting(0.3, "Part of the steps over which a trapezoid falls.", group=TRAINING, gt=0, le=1)
    warmup: int = setting(100, "Steps of linear warm-up.", group=TRAINING, ge=0, le=10**9)
    final_lr: float = setting(0.0, "Last learning rate, as a part of the peak.", group=TRAINING, ge=0, le=1)


class RecordingConfig(Config):
    """How often a training logs, measures and saves."""

    log_every: int = setting(10, "Steps between rows of metrics.jsonl.", group=RECORDING, ge=1)
    eval_every: int = setting(100, "Steps between held-out evaluations.", group=RECORDING, ge=1)
    save_every: int = setting(100, "Steps between saves of the resumable state.", group=RECORDING, ge=1)

    def pace(self, steps: int) -> Pace:
        """The pace of a training of so many steps."""
        return Pace(steps=steps, log_every=self.log_every, eval_every=self.eval_every, save_every=self.save_every)
