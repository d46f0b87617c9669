"""The optimisers: Adam, AdamW, or Muon on the block's matrices with Adam on the rest; and the learning rate at a step.

Muon (Jordan et al. 2024) orthogonalises the update of a matrix; it is for hidden layers only, so embeddings, read_in,
read_out, norms and biases go to Adam.
"""

import math

import torch
from torch import nn

from icltool.training.muon import Muon
from icltool.training.training_config import OptimiserConfig


class Optimisers:
    """One or two torch optimisers that step as one, with their peak learning rates."""

    def __init__(self, model: nn.Module, config: OptimiserConfig) -> None:
        self.config = config
        matrices, rest = _split(model) if config.optimiser == "muon" else ([], list(model.parameters()))
        self.parameters = list(model.parameters())
        self.members: list[torch.optim.Optimizer] = []
        self._peaks: list[float] = []
        if matrices:
            self._add(
                Muon(
                    [matrix for _, matrix in matrices],
                    stacked=[3 if "query_key_value" in name else 1 for name, _ in matrices],
                    lr=config.lr,
                    momentum=config.momentum,
                    weight_decay=config.weight_decay,
                ),
                peak=config.lr,
            )
        self._add(self._adam(rest), peak=config.adam_lr if config.optimiser == "muon" else config.lr)

    def step(self, factor: float) -> None:
        """Update every parameter at `factor` times its peak learning rate, and drop the gradients."""
        for optimiser, peak in zip(self.members, self._peaks, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * factor
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def gradient_norm(self) -> torch.Tensor:
        """The Euclidean norm of the whole gradient; gradients longer than `clip` are scaled down to it."""
        limit = self.config.clip or float("inf")
        return nn.utils.clip_grad_norm_(self.parameters, limit)

    def _add(self, optimiser: torch.optim.Optimizer, *, peak: float) -> None:
        self.members.append(optimiser)
        self._peaks.append(peak)

    def _adam(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        kind = torch.optim.AdamW if self.config.optimiser == "adamw" else torch.optim.Adam
        decay = self.config.weight_decay if self.config.optimiser == "adamw" else 0.0
        return kind(parameters, lr=self.config.lr, eps=self.config.adam_eps, weight_decay=decay, fused=True)


def _split(model: nn.Module) -> tuple[list[tuple[str, nn.Parameter]], list[nn.Parameter]]:
    """The matrices inside the blocks, by name, and everything else."""
    matrices: list[tuple[str, nn.Parameter]] = []
    rest: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and ".blocks." in f".{name}":
            matrices.append((name, parameter))
        else:
            rest.append(parameter)
    return matrices, rest


def learning_rate_factor(config: OptimiserConfig, step: int) -> float:
    """The part of the peak learning rate used at a step: linear warm-up, then as `schedule` says to `final_lr`."""
    if step <= config.warmup:
        return step / config.warmup
    match config.schedule:
        case "constant":
            return 1.0
        case "cosine":
            progress = (step - config.warmup) / max(1, config.steps - config.warmup)
            height = half_cosine(progress)
        case "trapezoid":
            height = min(1.0, (config.steps - step) / (config.decay * config.steps))
    return config.final_lr + (1 - config.final_lr) * height


def half_cosine(progress: float) -> float:
    """The fall from 1 at progress 0 to 0 at progress 1 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * progress))
