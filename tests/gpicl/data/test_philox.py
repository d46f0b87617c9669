"""Philox against its authors' known answers and a plain implementation; the normal against the normal."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from icltool.gpicl.data.philox import normal_quantiles, philox
from tests.reference.task_plain import philox_plain

ONES = 2**32 - 1
WORD = st.integers(0, 2**32 - 1)

# counter, key, answer: Random123's kat_vectors for philox4x32-10.
KNOWN: tuple[tuple[tuple[int, int, int, int], tuple[int, int], tuple[int, ...]], ...] = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)


def words(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    a, b, c, d = (torch.tensor([word]) for word in counter)
    return tuple(int(word) for word in philox((a, b, c, d), key=key[0] | key[1] << 32))


def test_the_authors_known_answers() -> None:
    for counter, key, answer in KNOWN:
        assert words(counter, key) == answer
        assert philox_plain(counter, key) == answer


@given(counter=st.tuples(WORD, WORD, WORD, WORD), key=st.tuples(WORD, WORD))
def test_every_counter_and_key_as_the_plain_one(counter: tuple[int, int, int, int], key: tuple[int, int]) -> None:
    assert words(counter, key) == philox_plain(counter, key)


def test_counters_broadcast_and_stay_as_they_were() -> None:
    rows, columns, zero = torch.arange(3)[:, None], torch.arange(4)[None], torch.zeros(1, 1, dtype=torch.int64)
    table = philox((columns, rows, zero, zero), key=9)[2]
    assert table.shape == (3, 4)
    assert int(table[2, 3]) == philox_plain((3, 2, 0, 0), (9, 0))[2]
    assert torch.equal(rows[:, 0], torch.arange(3))
    assert torch.equal(columns[0], torch.arange(4))


def test_the_quantiles_are_those_of_a_normal() -> None:
    values = normal_quantiles().double()
    # The moments of N(0, 1): 0, 1, 0, 3; the fourth lacks what lies beyond the outermost quantile.
    moments = [float(values.pow(power).mean()) for power in (1, 2, 3, 4)]
    assert abs(moments[0]) < 1e-8
    assert abs(moments[1] - 1) < 1e-6
    assert abs(moments[2]) < 1e-6
    assert abs(moments[3] - 3) < 5e-3
    inside = ((values > -1) & (values < 1)).double().mean()
    assert abs(float(inside) - 0.6826894921) < 1e-4
