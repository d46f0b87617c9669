"""Named generators: pure functions of seed and names, unrelated to one another and to the global one."""

import hashlib

import torch
from hypothesis import given
from hypothesis import strategies as st

from icltool.core.seeding import derived_seed, generator

seeds = st.integers(min_value=0, max_value=2**63 - 1)


@given(seeds)
def test_a_derived_seed_fits_63_bits_and_depends_on_the_seed(seed: int):
    assert 0 <= derived_seed(seed, "data") < 2**63
    assert derived_seed(seed, "data") == derived_seed(seed, "data")
    assert derived_seed(seed, "data") != derived_seed(seed + 1, "data")


def test_the_derivation_is_the_documented_one():
    """Written out by hand: if it changes, every recorded number changes."""
    expected = int.from_bytes(hashlib.sha256(b"7/data/120").digest()[:8], "big") // 2
    assert derived_seed(7, "data", 120) == expected


def test_names_give_streams_of_their_own():
    streams = [
        generator(0),
        generator(0, "data"),
        generator(0, "data", 1),
        generator(0, "weights"),
        generator(1, "data"),
    ]
    draws = [torch.randn(8, generator=stream) for stream in streams]
    for index, draw in enumerate(draws):
        assert all(not torch.equal(draw, other) for other in draws[:index])


def test_the_global_generator_is_untouched():
    with torch.random.fork_rng(devices=[]):
        before = torch.random.get_rng_state()
        first = torch.randn(4, generator=generator(3, "data"))
        assert torch.equal(torch.random.get_rng_state(), before)
        torch.randn(5)
        assert torch.equal(torch.randn(4, generator=generator(3, "data")), first)
