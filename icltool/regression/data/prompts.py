"""A batch of in-context regression prompts.

Legend: B prompts, n points, d dimensions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Queries:
    """A point of its own to predict after every prefix: entry k follows k in-context points."""

    xs: Float[Tensor, "B n d"]
    ys: Float[Tensor, "B n"]


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Inputs and targets of B functions at n points each; `weights` where the function has them (w of a linear one).

    After k points the next point of the prompt is predicted or, where there are `queries`, their entry k.
    """

    xs: Float[Tensor, "B n d"]
    ys: Float[Tensor, "B n"]
    weights: Float[Tensor, "B d"] | None = None
    queries: Queries | None = None

    @property
    def query_xs(self) -> Float[Tensor, "B n d"]:
        """Where the function is to be predicted after 0, 1, ..., n - 1 points."""
        return self.xs if self.queries is None else self.queries.xs

    @property
    def query_ys(self) -> Float[Tensor, "B n"]:
        """The targets there."""
        return self.ys if self.queries is None else self.queries.ys

    def rows(self, first: int, last: int) -> "Prompts":
        """The prompts from `first` up to, without, `last`."""
        return _combined([self], lambda parts: parts[0][first:last])

    def to(self, device: torch.device) -> "Prompts":
        """The same prompts on another device."""
        return _combined([self], lambda parts: parts[0].to(device))


def joined(parts: Sequence[Prompts]) -> Prompts:
    """Batches drawn alike, of prompts of one size, as one batch."""
    return _combined(parts, torch.cat)


def _combined(parts: Sequence[Prompts], combine: Callable[[list[Tensor]], Tensor]) -> Prompts:
    weights = [part.weights for part in parts if part.weights is not None]
    queries = [part.queries for part in parts if part.queries is not None]
    return Prompts(
        xs=combine([part.xs for part in parts]),
        ys=combine([part.ys for part in parts]),
        weights=combine(weights) if weights else None,
        queries=Queries(xs=combine([each.xs for each in queries]), ys=combine([each.ys for each in queries]))
        if queries
        else None,
    )
