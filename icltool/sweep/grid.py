"""Grids: axes to the settings of each run."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from icltool.sweep.recipe import SettingValue

Settings = dict[str, SettingValue]


def count_cells(grid: Mapping[str, Sequence[SettingValue]], zipped: Mapping[str, Sequence[SettingValue]]) -> int:
    """How many runs `expand` would make."""
    return prod(len(values) for values in grid.values()) * min((len(values) for values in zipped.values()), default=1)


def expand(grid: Mapping[str, Sequence[SettingValue]], zipped: Mapping[str, Sequence[SettingValue]]) -> list[Settings]:
    """The settings of each run: the zipped axes together, and every value of each grid axis with every other.

    The last grid axis changes fastest. No axes at all: one run without extra settings.
    """
    together = [dict(zip(zipped, values, strict=True)) for values in zip(*zipped.values(), strict=True)] or [{}]
    apart = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return [{**row, **cell} for row in together for cell in apart]
