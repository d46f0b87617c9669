"""What is measured of a toy ReLU model: dimensionalities, normalised losses, norms and singular values.

The dimensionality of a vector says how many hidden dimensions it has to itself: D_i = ‖v_i‖² / Σ_j (v̂_i · v_j)². The
vectors are the columns of W (features) or the hidden vectors h_t (samples). A vector orthogonal to all others has
D = 1; T vectors that are the corners of a regular T-gon in the plane share it, D = 2 / T each.

Legend: n features, m hidden dimensions, T training samples, N vectors.
Source: Henighan et al. 2023, section "Fractional dimensionality".
"""

from collections.abc import Iterable

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from icltool.superposition.data.sparse_features import SparseSamples
from icltool.superposition.engine.engine import ToyReLUEngine
from icltool.superposition.engine.optimiser import WarmupCosine
from icltool.superposition.model import ToyReLU

# Singular values that get a column of their own.
MOST_SINGULAR_VALUES = 8


def dimensionality(vectors: Float[Tensor, "m N"]) -> Float[Tensor, "N"]:
    """D_i of every column, in float64, in [0, 1]; a zero vector represents nothing and has D = 0.

    Σ_j (v_i · v_j)² = v_iᵀ G v_i with the Gram matrix G = Σ_j v_j v_jᵀ [m, m], so the cost is O(m² N)
    and no N x N matrix is made. Columns with a NaN or an infinity make every D NaN.
    """
    # D does not change when all vectors are scaled, and fourth powers over- and underflow soon.
    vectors = vectors.detach().double()
    if vectors.numel() == 0:
        return vectors.new_zeros(vectors.shape[1])
    largest = vectors.abs().amax()
    vectors = vectors / torch.where(largest == 0, torch.ones_like(largest), largest)
    length = torch.linalg.vector_norm(vectors, dim=0)
    unit = vectors / torch.where(length == 0, torch.ones_like(length), length)
    gram = einsum(vectors, vectors, "m N, k N -> m k")
    overlap = einsum(unit, gram, unit, "m N, m k, k N -> N")
    return length.square() / torch.where(length == 0, torch.ones_like(overlap), overlap)


def feature_dimensionality(W: Float[Tensor, "m n"]) -> Float[Tensor, "n"]:
    """D of every feature: of the columns of W."""
    return dimensionality(W)


def sample_dimensionality(hidden: Float[Tensor, "T m"]) -> Float[Tensor, "T"]:
    """D of every training sample: of its hidden vector h_t = W x_t."""
    return dimensionality(hidden.mT)


def normalised_loss(model: ToyReLU, chunks: Iterable[SparseSamples]) -> float:
    """The sum of ‖x - x'‖² over that of ‖x‖², for all samples of the chunks: predicting zero scores 1."""
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
