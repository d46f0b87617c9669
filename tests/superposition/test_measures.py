import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from icltool.superposition.measures import dimensionality, feature_dimensionality, sample_dimensionality
from tests.reference.toy_relu_dense import dense_dimensionality


@pytest.mark.parametrize("T", [3, 5, 8, 30])
def test_the_corners_of_a_regular_polygon_share_the_plane(T: int) -> None:
    angle = torch.arange(T, dtype=torch.float64) * (2 * math.pi / T)
    corners = 0.3 * torch.stack([angle.cos(), angle.sin()], 1)
    torch.testing.assert_close(sample_dimensionality(corners), torch.full((T,), 2 / T, dtype=torch.float64))


def test_orthogonal_vectors_have_a_dimension_each_and_opposite_ones_half() -> None:
    W = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, -2.0, 0.0]])
    assert feature_dimensionality(W).tolist() == [1.0, 0.5, 0.5, 0.0]  # the zero vector represents nothing


@settings(max_examples=60, deadline=None)
@given(m=st.integers(1, 6), N=st.integers(1, 40), seed=st.integers(0, 999), scale=st.sampled_from([1e-30, 1.0, 1e30]))
def test_it_is_the_definition_without_the_matrix_of_products(m: int, N: int, seed: int, scale: float) -> None:
    vectors = torch.randn(N, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    D = sample_dimensionality(vectors * scale)
    torch.testing.assert_close(D, dense_dimensionality(vectors), rtol=1e-9, atol=1e-12)
    assert (D > 0).all()
    assert (D <= 1 + 1e-12).all()
    assert D.sum() <= m + 1e-9


def test_float32_and_empty_and_all_zero_vectors() -> None:
    assert dimensionality(torch.zeros(2, 3)).tolist() == [0, 0, 0]
    assert dimensionality(torch.zeros(2, 0)).shape == (0,)
    assert dimensionality(torch.eye(2)).dtype == torch.float64


def test_a_nan_is_not_hidden() -> None:
    assert dimensionality(torch.tensor([[1.0, float("nan")]])).isnan().all()
