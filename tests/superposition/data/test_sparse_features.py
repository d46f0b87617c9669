import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from icltool.core.errors import UsageError
from icltool.superposition.data.expected_nonzeros import expected_nonzeros
from icltool.superposition.data.sparse_features import draw_samples, stream_samples


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(
    T=st.integers(1, 60),
    n=st.integers(1, 50),
    sparsity=st.sampled_from([0.0, 0.3, 0.9, 0.999]),
    seed=st.integers(0, 99),
)
def test_every_sample_is_active_sorted_and_of_unit_length(T: int, n: int, sparsity: float, seed: int) -> None:
    samples = draw_samples(T, n=n, sparsity=sparsity, generator=generator(seed), dtype=torch.float64)
    dense = samples.dense()
    assert dense.shape == (T, n)
    assert samples.count == T
    torch.testing.assert_close(dense.norm(dim=1), torch.ones(T, dtype=torch.float64))
    assert (samples.values > 0).all()
    assert torch.equal(dense.nonzero(), torch.stack([samples.samples, samples.features], 1))


def test_no_sparsity_makes_every_feature_active() -> None:
    assert (draw_samples(7, n=5, sparsity=0.0, generator=generator()).dense() > 0).all()


def test_number_of_active_features_is_binomial_given_at_least_one() -> None:
    T, n, S = 40_000, 20, 0.95
    counts = draw_samples(T, n=n, sparsity=S, generator=generator(3)).offsets.diff()
    kept = 1 - S**n
    share_of_one = n * (1 - S) * S ** (n - 1) / kept
    assert abs((counts == 1).double().mean().item() - share_of_one) < 4 * (share_of_one / T) ** 0.5
    assert abs(counts.sum().item() / expected_nonzeros(T, n=n, sparsity=S) - 1) < 0.01


def test_features_are_uniform_and_values_too_before_rescaling() -> None:
    samples = draw_samples(20_000, n=10, sparsity=0.98, generator=generator(5), dtype=torch.float64)
    share = torch.bincount(samples.features, minlength=10) / samples.features.numel()
    assert (share - 0.1).abs().max() < 0.01
    pairs = samples.offsets[:-1][samples.offsets.diff() == 2]
    # The ratio smaller / larger of two uniform numbers is uniform.
    first, second = samples.values[pairs], samples.values[pairs + 1]
    ratio = torch.minimum(first, second) / torch.maximum(first, second)
    assert abs(ratio.mean().item() - 0.5) < 4 * (1 / 12 / len(ratio)) ** 0.5


def test_same_generator_state_gives_the_same_samples() -> None:
    first, again = (draw_samples(30, n=1000, sparsity=0.99, generator=generator(8)) for _ in range(2))
    other = draw_samples(30, n=1000, sparsity=0.99, generator=generator(9))
    assert torch.equal(first.values, again.values)
    assert torch.equal(first.features, again.features)
    assert not torch.equal(first.dense(), other.dense())


def test_a_hundred_thousand_samples_need_only_their_nonzeros() -> None:
    samples = draw_samples(100_000, n=10_000, sparsity=0.999, generator=generator())
    assert abs(samples.values.numel() / 1e6 - 1) < 0.01
    assert samples.values.dtype == torch.float32


def test_take_and_samples_agree_with_dense_rows() -> None:
    samples = draw_samples(20, n=30, sparsity=0.9, generator=generator(2))
    assert torch.equal(samples.take(4, 11).dense(), samples.dense()[4:11])
    with pytest.raises(UsageError, match="outside 0 to 20"):
        samples.take(4, 21)


def test_a_stream_gives_all_samples_in_chunks_and_repeats_itself() -> None:
    def stream() -> list[torch.Tensor]:
        chunks = stream_samples(25, n=40, sparsity=0.9, generator=generator(4), chunk=10)
        return [chunk.dense() for chunk in chunks]

    assert [len(chunk) for chunk in stream()] == [10, 10, 5]
    assert all(torch.equal(one, other) for one, other in zip(stream(), stream(), strict=True))


@pytest.mark.parametrize(
    ("T", "n", "sparsity", "message"),
    [
        (0, 5, 0.5, "T = 0"),
        (3, 0, 0.5, "n = 0"),
        (3, 5, 1.0, "outside"),
        (3, 5, -0.1, "outside"),
        (3, 5, float("nan"), "outside"),
    ],
)
def test_impossible_settings_are_named(T: int, n: int, sparsity: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        draw_samples(T, n=n, sparsity=sparsity, generator=generator())
