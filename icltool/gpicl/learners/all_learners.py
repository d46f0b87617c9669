"""Every learner that learns from a sequence of examples, behind one interface.

Legend: B sequences, t examples, x inputs, C classes.
"""

from typing import Protocol, TypedDict, cast, runtime_checkable

import torch
from torch import Generator, nn

from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.gpicl.learners.context_mlp import MAML, ContextSGD, Descent
from icltool.gpicl.learners.lstm import LSTM
from icltool.gpicl.learners.memoriser import Memoriser
from icltool.gpicl.learners.outer_product_lstm import OuterProductLSTM
from icltool.gpicl.learners.transformer import SequenceTransformer
from icltool.gpicl.learners.vsml import VSML


class Shape(TypedDict):
    """What every learner takes."""

    inputs: int
    classes: int
    width: int
    generator: Generator | None


@runtime_checkable
class InContextLearner(Protocol):
    """What beside being an `nn.Module` from (inputs [B t x], previous_labels [B t C]) to logits [B t C] is asked."""

    @property
    def state_size(self) -> int:
        """Numbers the learner carries from one example to the next: its memory."""
        ...


def new_learner(
    config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None = None
) -> nn.Module:
    """A learner with weights from the generator (or, without one, to be loaded); the global generator is untouched."""
    shape = Shape(inputs=inputs, classes=classes, width=config.width, generator=generator)
    learner: nn.Module
    with torch.random.fork_rng(devices=[]):
        match config.learner:
            case "transformer":
                learner = SequenceTransformer(config, inputs=inputs, classes=classes, generator=generator)
            case "lstm":
                learner = LSTM(layers=config.L, **shape)
            case "op-lstm":
                learner = OuterProductLSTM(layers=config.L, heads=config.heads, **shape)
            case "vsml":
                learner = VSML(layers=config.L, state=config.cell_state, **shape)
            case "mlp":
                learner = Memoriser(layers=config.L, **shape)
            case "maml":
                learner = MAML(steps=config.inner_steps, step_size=config.inner_step_size, **shape)
            case "sgd":
                descent = Descent(steps=config.inner_steps, step_size=config.inner_step_size)
                learner = ContextSGD(descent=descent, **shape)
    return learner


def state_size(learner: nn.Module) -> int:
    """The learner's memory, in numbers."""
    return cast("InContextLearner", learner).state_size
