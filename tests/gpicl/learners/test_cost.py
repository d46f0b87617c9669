"""The cost model of the in-context learners against torch's own count of a real step of each."""

from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import one_hot
from torch.utils.flop_counter import FlopCounterMode

from icltool.core.seeding import generator
from icltool.gpicl.learners.all_learners import new_learner
from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.gpicl.learners.cost import learner_products

SEQUENCES, INPUTS, CLASSES = 3, 20, 10
LEARNERS: dict[str, dict[str, Any]] = {
    "transformer": {"learner": "transformer", "L": 3},
    "looped transformer": {"learner": "transformer", "L": 1, "loops": 3, "positions": "none"},
    "lstm": {"learner": "lstm", "L": 1},
    "deep lstm": {"learner": "lstm", "L": 3},
    "op-lstm": {"learner": "op-lstm", "L": 2},
    "vsml": {"learner": "vsml", "L": 1},
    "deep vsml": {"learner": "vsml", "L": 2, "cell_state": 8},
    "mlp": {"learner": "mlp", "L": 2},
    "maml": {"learner": "maml", "inner_steps": 1},
    "maml of five steps": {"learner": "maml", "inner_steps": 5},
}


def counted(config: GpiclModelConfig, *, training: bool) -> float:
    """Operations in matrix products, of one sequence."""
    # Torch counts the products of its plain kernels only: not those of fused attention, nor of oneDNN's LSTM, which
    # takes no doubles.
    model = new_learner(config, inputs=INPUTS, classes=CLASSES, generator=generator(0, "w")).double()
    inputs = torch.randn(SEQUENCES, config.context, INPUTS).double()
    labels = one_hot(torch.randint(CLASSES, inputs.shape[:2]), CLASSES).double()
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        logits = model(inputs, labels)
        if training:
            logits.square().mean().backward()
    return counter.get_total_flops() / SEQUENCES


@pytest.mark.parametrize("name", LEARNERS)
def test_forward(name: str) -> None:
    config = GpiclModelConfig.model_validate({"width": 32, "heads": 4, "context": 12, **LEARNERS[name]})
    ours = learner_products(config, context=12, inputs=INPUTS, classes=CLASSES).forward
    assert ours == pytest.approx(counted(config, training=False), rel=1e-9)


@pytest.mark.parametrize("name", LEARNERS)
def test_training(name: str) -> None:
    """But for the first example's missing past."""
    config = GpiclModelConfig.model_validate({"width": 32, "heads": 4, "context": 12, **LEARNERS[name]})
    ours = learner_products(config, context=12, inputs=INPUTS, classes=CLASSES).training
    assert ours == pytest.approx(counted(config, training=True), rel=0.02)
