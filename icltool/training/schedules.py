"""What changes with the step: the learning rate, and how many loops are trained. Pure functions, steps from 1."""

import math

from icltool.training.training_config import OptimiserConfig


def learning_rate_factor(config: OptimiserConfig, step: int) -> float:
    """The part of the peak learning rate used at a step: linear warm-up, then constant or cosine to `final_lr`."""
    if step <= config.warmup:
        return step / config.warmup
    if config.schedule == "constant":
        return 1.0
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.final_lr + (1 - config.final_lr) * 0.5 * (1 + math.cos(math.pi * progress))


def loops_at(step: int, *, start: int, end: int, increment: int, every: int) -> int:
    """The loops b' trained at a step: from `start` to `end`, `increment` more every `every` steps."""
    return min(end, start + increment * ((step - 1) // every))
