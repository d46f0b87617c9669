"""A batch of in-context regression prompts.

Legend: B prompts, n points, d dimensions.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Inputs and targets of B functions at n points each; `weights` where the function has them (w of a linear one)."""

    xs: Float[Tensor, "B n d"]
    ys: Float[Tensor, "B n"]
    weights: Float[Tensor, "B d"] | None = None

    def to(self, device: torch.device) -> "Prompts":
        """The same prompts on another device."""
        moved = None if self.weights is None else self.weights.to(device)
        return Prompts(xs=self.xs.to(device), ys=self.ys.to(device), weights=moved)
