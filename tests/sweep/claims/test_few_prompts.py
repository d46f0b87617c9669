"""The figure `few-prompts` of claim 1a: every point lies within its axis, the one of fresh prompts too."""

import math
from pathlib import Path
from typing import Any

from icltool.core.result import Result, Row
from icltool.sweep.claims.depth_vs_loops import few_prompts
from icltool.sweep.collect import AGGREGATE


def aggregated(stage: str, mean: float, **varied: int) -> Row:
    """A row of a sweep: one model's held-out error."""
    return {
        "table": AGGREGATE, "stage": stage, "measure": "held_out_error", "L": 1, "b": 8,
        "mean": mean, "low": mean / 2, "high": mean * 2, "runs": 3, **varied,
    }  # fmt: skip


def test_the_axis_holds_the_fresh_prompts_too(tmp_path: Path) -> None:
    rows = [
        aggregated("few-prompts", 1.0, train_prompts=300),
        aggregated("few-prompts", 0.1, train_prompts=3000),
        aggregated("train", 0.001),
    ]
    sweep = Result(kind="sweep", label="", config={}, environment={}, summary={}, records=rows, run=tmp_path)
    look: Any = few_prompts(sweep)
    assert list(look.data[0].x) == ["300", "3,000", "fresh ones"]
    low, high = look.layout.yaxis.range
    assert low < math.log10(0.0005)
    assert high > math.log10(2.0)
