"""What a figure says of its bands, and where."""

from pathlib import Path
from typing import Any

import pytest

from icltool.core.result import Result
from icltool.figures.marks import CAPTION_ROOM, name_band, over_prompts
from icltool.figures.theme import figure


def mean_of(seeds: int) -> Result:
    folders = [Path(str(seed)) for seed in range(seeds)]
    return Result(
        kind="eval", label="m", config={}, environment={}, summary={}, records=[], run=Path(), seeds=folders
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ([0, 0], "band: 5-95 % of the mean over 16 prompts (bootstrap)"),
        ([3, 3], "band: 5-95 % of the mean over 3 seeds (bootstrap)"),
        ([2, 3], "band: 5-95 % of the mean over 2 to 3 seeds (bootstrap)"),
        (
            [3, 0],
            (
                "band: 5-95 % of the mean over 3 seeds (bootstrap); "
                "of one seed, 5-95 % of the mean over 16 prompts (bootstrap)"
            ),
        ),
    ],
)
def test_a_band_is_named_by_what_it_is_over(seeds: list[int], told: str) -> None:
    look: Any = figure(title="", x="x", y="y")
    name_band(look, [mean_of(count) for count in seeds], single=over_prompts(16))
    [caption] = look.layout.annotations
    assert caption.text == told


def test_a_caption_has_room_of_its_own() -> None:
    plain: Any = figure(title="", x="x", y="y")
    look: Any = figure(title="", x="x", y="y")
    name_band(look, [mean_of(0)], single="all")
    assert look.layout.margin.b == plain.layout.margin.b + CAPTION_ROOM
    [below] = look.layout.annotations
    # Its lower edge is within the picture, its upper edge below the old margin, where the axis has its title.
    assert -look.layout.margin.b < below.yshift < -plain.layout.margin.b + CAPTION_ROOM
    legend_below: Any = figure(title="", x="x", y="y").update_layout(legend_orientation="h")
    name_band(legend_below, [mean_of(0)], single="all")
    [above] = legend_below.layout.annotations
    assert (above.y, legend_below.layout.margin.b) == (1, plain.layout.margin.b)


def test_prompts_of_different_numbers_are_not_counted() -> None:
    assert over_prompts(None) == "5-95 % of the mean over the prompts (bootstrap)"
