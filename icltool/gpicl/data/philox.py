"""Philox4x32-10: random words as a pure function of (key, counter), for as many counters at once as one likes.

A round multiplies two of the four words of a counter and mixes the halves of the products with the others and the key:

    c0, c1, c2, c3  ←  hi(M1 c2) ⊕ c1 ⊕ k0,  lo(M1 c2),  hi(M0 c0) ⊕ c3 ⊕ k1,  lo(M0 c0)

Words are int64 tensors holding 0 ... 2³² - 1, so that it runs as a few tensor operations on any device. Distinct
counters give distinct blocks (it is a bijection), hence streams that never overlap.
Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = 0xFFFFFFFF
LEVELS = 2**16

Words = tuple[Tensor, Tensor, Tensor, Tensor]


def philox(counter: Words, *, key: int) -> Words:
    """Four words for each counter; the counter's words broadcast against each other, and none is changed."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & MASK, (key >> 32) & MASK
    for _ in range(ROUNDS):
        # int64 products wrap, which keeps all 64 bits; a word that only goes into an exclusive or may carry rubbish
        # above its 32 bits, which the mask after it removes.
        first, second = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0 = _mixed(second, c1, k0)
        c2 = _mixed(first, c3, k1)
        c1, c3 = second, first
        k0, k1 = (k0 + KEY_STEPS[0]) & MASK, (k1 + KEY_STEPS[1]) & MASK
    return c0, c1 & MASK, c2, c3 & MASK


def normal_quantiles(*, device: torch.device | None = None) -> Float[Tensor, "65536"]:
    """The normal distribution as 2¹⁶ equally likely values: its quantiles at (i + ½) / 2¹⁶, with variance exactly 1.

    Looking a 16-bit word up here costs far less than a logarithm and a sine; the values reach ±4.3, and their moments
    differ from the normal's by less than any sample of projections can show.
    """
    places = (torch.arange(LEVELS, dtype=torch.float64) + 0.5) / LEVELS
    quantiles = torch.special.ndtri(places)
    return (quantiles / quantiles.square().mean().sqrt()).float().to(device)


def _mixed(product: Int[Tensor, "..."], word: Int[Tensor, "..."], key: int) -> Int[Tensor, "..."]:
    mixed = (product >> 32) ^ word
    mixed ^= key
    mixed &= MASK
    return mixed
