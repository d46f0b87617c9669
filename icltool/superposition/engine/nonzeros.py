"""The non-zeros of the data, sorted by sample and by feature, and the sums over them that the toy ReLU gradient needs.

Legend: "nnz" non-zeros of all runs, F parameter rows, S hidden rows, k = m + 1 coordinates (see `engine`).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag


@dataclass(frozen=True)
class NonZeros:
    """The non-zeros in the order of the samples, and the same in the order of the features (`ordered_`).

    `order` sorts the first into the second; the starts say where each sample's or feature's non-zeros begin.
    """

    values: Float[Tensor, "nnz"]
    features: Int[Tensor, "nnz"]
    samples: Int[Tensor, "nnz"]
    sample_starts: Int[Tensor, "S_plus_1"]
    feature_starts: Int[Tensor, "F_plus_1"]
    order: Int[Tensor, "nnz"]
    ordered_samples: Int[Tensor, "nnz"]
    ordered_values: Float[Tensor, "nnz"]

    @classmethod
    def of(
        cls, values: Float[Tensor, "nnz"], *, features: Int[Tensor, "nnz"], samples: Int[Tensor, "nnz"], F: int, S: int
    ) -> "NonZeros":
        """Of non-zeros in the order of their samples, for tables of F parameter rows and S hidden rows."""
        order = torch.argsort(features, stable=True)
        return cls(
            values,
            features,
            samples,
            _starts(samples, S),
            _starts(features, F),
            order,
            samples[order],
            values[order],
        )

    def by_sample(self, parameters: Float[Tensor, "F k"], weights: Float[Tensor, "nnz"]) -> Float[Tensor, "S k"]:
        """For every sample the weighted sum of its features' parameter rows; zeros for a sample without non-zeros."""
        return _segment_sums(self.features, parameters, self.sample_starts, weights)

    def by_feature(
        self, hidden: Float[Tensor, "S k"], weights: Float[Tensor, "nnz"] | None = None
    ) -> Float[Tensor, "F k"]:
        """For every feature the weighted sum of its samples' hidden rows; the weights are the values by default."""
        ordered = self.ordered_values if weights is None else weights.index_select(0, self.order)
        return _segment_sums(self.ordered_samples, hidden, self.feature_starts, ordered)

    def where_active(self, parameters: Float[Tensor, "F k"], hidden: Float[Tensor, "S k"]) -> Float[Tensor, "nnz"]:
        """For every non-zero its value x where z = (w, b) . (h, 1) > 0, else 0."""
        products = parameters.index_select(0, self.features)
        products *= hidden.index_select(0, self.samples)
        return torch.where(products @ products.new_ones(products.shape[1]) > 0, self.values, 0)


def _starts(rows: Int[Tensor, "nnz"], count: int) -> Int[Tensor, "count_plus_1"]:
    ends = torch.bincount(rows, minlength=count).cumsum(0)
    return torch.cat([ends.new_zeros(1), ends])


def _segment_sums(
    rows: Int[Tensor, "nnz"],
    table: Float[Tensor, "N k"],
    starts: Int[Tensor, "segments"],
    weights: Float[Tensor, "nnz"],
) -> Tensor:
    """The weighted sum of the table's rows in each segment, by one fused kernel that always adds in the same order."""
    return embedding_bag(rows, table, starts, mode="sum", per_sample_weights=weights, include_last_offset=True)
