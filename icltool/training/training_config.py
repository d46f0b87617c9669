"""How a model is trained: length, optimiser, learning rate, curriculum."""

from typing import Literal

from icltool.core.config import Config, setting

TRAINING = "Training"
CURRICULUM = "Curriculum"
RECORDING = "Recording"


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


class RecordingConfig(Config):
    """How often a training logs, measures and saves."""

    log_every: int = setting(10, "Steps between rows of metrics.jsonl.", group=RECORDING, ge=1)
    eval_every: int = setting(100, "Steps between held-out evaluations.", group=RECORDING, ge=1)
    save_every: int = setting(100, "Steps between saves of the resumable state.", group=RECORDING, ge=1)
