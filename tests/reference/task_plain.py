"""Task augmentation in plain Python, one number at a time: Philox4x32-10 and the tasks made of it."""

import math
from statistics import NormalDist

MASK = 0xFFFFFFFF


def philox_plain(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Four words, as Salmon et al. 2011 define them."""
    a, b, c, d = counter
    k, m = key
    for _ in range(10):
        first, second = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (second >> 32) ^ b ^ k, second & MASK, (first >> 32) ^ d ^ m, first & MASK
        k, m = (k + 0x9E3779B9) & MASK, (m + 0xBB67AE85) & MASK
    return a, b, c, d


def projection_plain(key: int, task: int, *, inputs: int, purpose: int) -> list[list[float]]:
    """A of a task: 16-bit halves of the words, as normal quantiles over √N_x, filled by rows."""
    blocks = -(-(inputs**2) // 8)
    words = [
        philox_plain((block, task & MASK, task >> 32, purpose), (key & MASK, key >> 32 & MASK))
        for block in range(blocks)
    ]
    halves = [word[place] & 0xFFFF for place in range(4) for word in words]
    halves += [word[place] >> 16 for place in range(4) for word in words]
    normal = NormalDist()
    numbers = [normal.inv_cdf((half + 0.5) / 65536) / math.sqrt(inputs) for half in halves]
    return [numbers[row * inputs : (row + 1) * inputs] for row in range(inputs)]


def permutation_plain(key: int, task: int, *, classes: int, purpose: int) -> list[int]:
    """ρ of a task: the places of as many random words, sorted."""
    words: list[int] = []
    for block in range(-(-classes // 4)):
        words += philox_plain((block, task & MASK, task >> 32, purpose), (key & MASK, key >> 32 & MASK))
    return sorted(range(classes), key=lambda place: words[place])
