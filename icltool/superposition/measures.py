"""How many hidden dimensions a vector has to itself: D_i = ||v_i||^2 / sum_j (v̂_i . v_j)^2.

The vectors are the columns of W (features) or the hidden vectors h_t (samples). A vector orthogonal to all
others has D = 1; T vectors that are the corners of a regular T-gon in the plane share it, D = 2 / T each.
Source: Henighan et al. 2023, section "Fractional dimensionality".
"""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor


def dimensionality(vectors: Float[Tensor, "m N"]) -> Float[Tensor, "N"]:
    """D_i of every column, in float64, in [0, 1]; a zero vector represents nothing and has D = 0.

    sum_j (v_i . v_j)^2 = v_i^T G v_i with the Gram matrix G = sum_j v_j v_j^T [m, m], so the cost is O(m^2 N)
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
