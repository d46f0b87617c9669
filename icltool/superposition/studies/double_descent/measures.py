"""What is measured of a toy ReLU model: normalised losses, dimensionalities, norms and singular values.

Shapes: n features, m hidden dimensions, T training samples.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from icltool.superposition.data.sparse_features import SparseSamples
from icltool.superposition.engine.engine import ToyReLUEngine
from icltool.superposition.engine.optimiser import WarmupCosine
from icltool.superposition.measures import feature_dimensionality, sample_dimensionality
from icltool.superposition.model import ToyReLU

# Singular values that get a column of their own.
MOST_SINGULAR_VALUES = 8


def normalised_loss(model: ToyReLU, chunks: Iterable[SparseSamples]) -> float:
    """The sum of |x - x'|^2 over that of |x|^2, for all samples of the chunks: predicting zero scores 1."""
    error = power = 0.0
    for samples in chunks:
        engine = ToyReLUEngine([samples], [model], settings=WarmupCosine())
        error += float(engine.loss_and_gradient()[0]) * samples.count
        power += float(samples.values.double().square().sum())
    # A sum of squares, computed as a difference: where it vanishes, rounding can leave it below zero.
    return max(0.0, error / power)


def geometry(W: Float[Tensor, "m n"], b: Float[Tensor, "n"], hidden: Float[Tensor, "T m"]) -> dict[str, float]:
    """Mean dimensionalities and lengths, |W|_F, |b| and the largest singular values of W (descending)."""
    singular = torch.linalg.svdvals(W.double())[:MOST_SINGULAR_VALUES]
    return {
        "feature_dimensionality": float(feature_dimensionality(W).mean()),
        "sample_dimensionality": float(sample_dimensionality(hidden).mean()),
        "W_norm": float(torch.linalg.vector_norm(W.double())),
        "b_norm": float(torch.linalg.vector_norm(b.double())),
        "feature_length": float(torch.linalg.vector_norm(W.double(), dim=0).mean()),
        "sample_length": float(torch.linalg.vector_norm(hidden.double(), dim=1).mean()),
        **{f"singular_{place}": float(value) for place, value in enumerate(singular, start=1)},
    }
