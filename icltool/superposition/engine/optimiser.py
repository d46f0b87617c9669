"""AdamW for one tensor, with linear warm-up and cosine decay to zero, in one fused pass.

Source: Henighan et al. 2023 (50 000 full-batch steps, 2 500 of warm-up to 1e-3, cosine to 0, weight decay 1e-2).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from icltool.core.errors import UsageError
from icltool.training.optimisers import half_cosine

# Moments below this are set to zero; float32's denormal numbers begin at 1.2e-38.
VANISHED = 1e-30


@dataclass(frozen=True)
class WarmupCosine:
    """AdamW's settings for a training of `steps`; in the first `warmup` of them the learning rate rises to `peak`."""

    steps: int = 50_000
    peak: float = 1e-3
    warmup: int = 2_500
    weight_decay: float = 1e-2
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < self.steps:
            raise UsageError(f"{self.warmup} warm-up steps do not fit in {self.steps} steps: warm up for fewer")

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 1: the peak at the end of the warm-up, 0 at the last step."""
        if step <= self.warmup:
            return self.peak * step / self.warmup
        progress = (step - self.warmup) / (self.steps - self.warmup)
        return self.peak * half_cosine(min(1.0, progress))


class FusedAdamW:
    """Adam's two moments of one tensor; `update` changes the tensor in place."""

    def __init__(self, parameters: Tensor, settings: WarmupCosine) -> None:
        self.settings = settings
        self.step = 0
        self.mean = torch.zeros_like(parameters)
        self.square = torch.zeros_like(parameters)
        self._count = torch.zeros((), dtype=torch.float32, device=parameters.device)

    def update(self, parameters: Tensor, gradient: Tensor) -> None:
        """One step of Adam with decoupled weight decay."""
        settings = self.settings
        self.step += 1
        adamw(
            [parameters],
            [gradient],
            [self.mean],
            [self.square],
            [],
            [self._count],
            fused=True,
            amsgrad=False,
            beta1=settings.beta1,
            beta2=settings.beta2,
            lr=settings.learning_rate(self.step),
            weight_decay=settings.weight_decay,
            eps=settings.epsilon,
            maximize=False,
        )

    def drop_vanished(self) -> None:
        """Set moments below 1e-30 to zero, before they become denormal numbers, which are a hundred times slower.

        A feature that has long been dead has such moments. They are so small against epsilon that no parameter would
        change in its last digit.
        """
        for moment in (self.mean, self.square):
            moment.masked_fill_(moment.abs() < VANISHED, 0)

    def restore(self, *, step: int, mean: Tensor, square: Tensor) -> None:
        """Continue from saved moments after `step` updates."""
        self.step = step
        self._count.fill_(step)
        self.mean.copy_(mean)
        self.square.copy_(square)
