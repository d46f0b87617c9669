"""The toy ReLU model of superposition: h = W x, x' = relu(Wᵀh + b).

Legend: n features, m hidden dimensions, T samples.
Source: Henighan et al. 2023, "Superposition, Memorization, and Double Descent"; Elhage et al. 2022, "Toy
Models of Superposition".
"""

import math

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from icltool.core.errors import UsageError


class ToyReLU(nn.Module):
    """Tied weights W [m, n] and a bias b [n]; training goes through the engine, this is for analysis.

    W is Xavier uniform (bound √(6 / (m + n))), b is zero.
    """

    def __init__(
        self,
        *,
        m: int,
        n: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if not 1 <= m <= n:
            raise UsageError(f"m = {m} hidden dimensions for n = {n} features: 1 <= m <= n is needed")
        bound = math.sqrt(6 / (m + n))
        uniform = torch.rand(m, n, generator=generator, dtype=dtype)
        self.W = nn.Parameter((2 * uniform - 1) * bound)
        self.b = nn.Parameter(torch.zeros(n, dtype=dtype))

    @property
    def m(self) -> int:
        """The number of hidden dimensions."""
        return self.W.shape[0]

    @property
    def n(self) -> int:
        """The number of features."""
        return self.W.shape[1]

    def hidden(self, x: Float[Tensor, "T n"]) -> Float[Tensor, "T m"]:
        """H = W x for every sample."""
        return einsum(self.W, x, "m n, T n -> T m")

    def forward(self, x: Float[Tensor, "T n"]) -> Float[Tensor, "T n"]:
        """X' = relu(WᵀW x + b) for every sample."""
        return torch.relu(einsum(self.W, self.hidden(x), "m n, T m -> T n") + self.b)
