"""Contents that somebody made: random bytes, and good files changed in their bytes or in what they say."""

import copy
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from hypothesis import strategies as st

ATTACKS: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 10**30, -(10**400), 1e308, float("nan"), float("inf"), "", "../../up",
    "/etc/passwd", "a\x00b", "\x1b[2J", "\r\nx", "\ud800", "</script><script>alert(1)</script>", "x" * 5000, [], {},
    [[]] * 3, {"": None}, [0] * 300, "9" * 5000,
)  # fmt: skip


def changed_bytes(seed: bytes, chance: random.Random) -> bytes:
    """Some bytes flipped, cut out, put in, repeated, made zero or 255; or the end gone."""
    content = bytearray(seed)
    for _ in range(chance.randint(1, 5)):
        place = chance.randint(0, len(content))
        span = chance.choice([1, 1, 2, 4, 8, 64])
        match chance.randrange(6):
            case 0:
                content[place : place + span] = chance.randbytes(span)
            case 1:
                del content[place : place + span]
            case 2:
                content[place:place] = chance.randbytes(span)
            case 3:
                content[place:place] = content[place : place + span] * chance.randint(1, 20)
            case 4:
                content[place : place + span] = chance.choice([b"\x00", b"\xff", b"\x7f"]) * span
            case _:
                del content[place:]
    return bytes(content)


def changed_json(table: Any, chance: random.Random) -> Any:
    """The same table with some entry replaced, renamed, taken out or nested deep."""
    changed = copy.deepcopy(table)
    for _ in range(chance.randint(1, 3)):
        changed = _changed_somewhere(changed, chance)
    return changed


def _changed_somewhere(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict | list) and value and chance.random() < 0.85:
        keys: list[Any] = list(cast("dict[str, Any]", value)) if isinstance(value, dict) else list(range(len(value)))
        key = chance.choice(keys)
        if isinstance(value, dict) and chance.random() < 0.15:
            renamed = chance.choice(["", "__proto__", "x" * 200, "../x", "<b>"])
            value[renamed] = value.pop(key)
        elif chance.random() < 0.15:
            del value[key]
        else:
            value[key] = _changed_somewhere(value[key], chance)
        return value
    if chance.random() < 0.05:
        deep: Any = 0
        for _ in range(200):
            deep = [deep]
        return deep
    return copy.deepcopy(chance.choice(ATTACKS))


def contents(seeds: Sequence[bytes], *others: Callable[[random.Random], bytes]) -> st.SearchStrategy[bytes]:
    """Hostile contents of a format, of which `seeds` are good ones; `others` make more from a source of chance."""
    makers = [partial(changed_bytes, seed) for seed in seeds]
    numbers = st.integers(0, 2**32)
    kinds = [numbers.map(partial(_made, makers)), numbers.map(partial(_made, makers))]
    kinds += [numbers.map(partial(_made, others)), numbers.map(partial(_made, others))] if others else []
    return st.one_of(*kinds, st.binary(max_size=400))


def _made(makers: Sequence[Callable[[random.Random], bytes]], number: int) -> bytes:
    chance = random.Random(number)
    return chance.choice(makers)(chance)
