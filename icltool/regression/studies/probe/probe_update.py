"""One Adam step of all probes, from gradients that arrive some states at a time.

Legend: s states of a call, k targets of a state, B prompts, t tokens, D width, d dimensions.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from icltool.regression.models.probes import Probes, probe_gradients
from icltool.training.optimisers import Optimisers
from icltool.training.training_config import OptimiserConfig


class ProbeUpdate:
    """Takes in a step's gradients, then moves every probe; none feels another: Adam is elementwise, nothing clips."""

    def __init__(self, probes: Probes, config: OptimiserConfig) -> None:
        self.probes = probes
        self.optimisers = Optimisers(probes, config)
        self._gradients: list[tuple[Tensor, ...]] = []
        self._losses: list[Tensor] = []

    def add(self, first: int, states: Float[Tensor, "s t B D"], targets: Float[Tensor, "k B d"]) -> None:
        """Take in the states from `first` on; those of a step come once each and in order."""
        loss, gradients = probe_gradients(self.probes.of_states(first, states.shape[0]), states, targets)
        self._losses.append(loss)
        self._gradients.append(tuple(gradients))

    def apply(self, factor: float) -> Float[Tensor, ""]:
        """Step at `factor` times the peak learning rate; returns the mean error of the probes before it."""
        for tensor, *parts in zip(self.probes.tensors(), *self._gradients, strict=True):
            tensor.grad = torch.cat(parts)
        self.optimisers.step(factor)
        loss = torch.stack(self._losses).sum() / (self.probes.sizes.states * self.probes.sizes.targets)
        self._gradients.clear()
        self._losses.clear()
        return loss
