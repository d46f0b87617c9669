"""Every learner that learns from a sequence of examples, behind one interface.

Legend: B sequences, t examples, x inputs, C classes.
"""

from pkgutil import resolve_name
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Generator, nn

from icltool.gpicl.learners.config import GpiclModelConfig


@runtime_checkable
class InContextLearner(Protocol):
    """What a learner has beside being an `nn.Module` (inputs [B t x], previous_labels [B t C]) -> logits [B t C]."""

    @property
    def state_size(self) -> int:
        """Numbers the learner carries from one example to the next: its memory."""
        ...


def new_learner(
    config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None = None
) -> nn.Module:
    """A learner with weights from the generator (or, without one, to be loaded); the global generator is untouched."""
    with torch.random.fork_rng(devices=[]):
        return resolve_name(config.kind.build)(config, inputs=inputs, classes=classes, generator=generator)


def state_size(learner: nn.Module) -> int:
    """The learner's memory, in numbers."""
    return cast("InContextLearner", learner).state_size
