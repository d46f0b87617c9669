"""The learning rate at a step, a pure function; steps are counted from 1."""

import math

from icltool.training.training_config import OptimiserConfig


def learning_rate_factor(config: OptimiserConfig, step: int) -> float:
    """The part of the peak learning rate used at a step: linear warm-up, then as `schedule` says to `final_lr`."""
    if step <= config.warmup:
        return step / config.warmup
    match config.schedule:
        case "constant":
            return 1.0
        case "cosine":
            progress = (step - config.warmup) / max(1, config.steps - config.warmup)
            height = 0.5 * (1 + math.cos(math.pi * progress))
        case "trapezoid":
            height = min(1.0, (config.steps - step) / (config.decay * config.steps))
    return config.final_lr + (1 - config.final_lr) * height
