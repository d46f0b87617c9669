"""What the claims compute themselves: operations spent, by hand from a metrics file."""

import json
from pathlib import Path

import pytest

from icltool.core.result import Result
from icltool.studies.train.config import TrainConfig
from icltool.studies.train.cost import flops, step_flops
from icltool.sweep.claims.compute import spent


def trained(folder: Path, rows: list[dict[str, float | int | None]]) -> Result:
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = TrainConfig(L=1, b=4, T=2, width=8, heads=2, d=2, n=6, steps=30, batch=10)
    return Result(
        kind="train",
        label="m",
        config=config.model_dump(mode="json"),
        environment={},
        summary={},
        records=[],
        run=folder,
    )


def test_operations_are_summed_over_the_sizes_that_were_trained(tmp_path: Path) -> None:
    rows: list[dict[str, float | int | None]] = [
        {"step": 10, "loops": 2, "points": 3, "prompts": 20, "held_out_error": None},
        {"step": 20, "loops": 4, "points": 6, "prompts": 10, "held_out_error": 0.5},
        {"step": 30, "loops": 4, "points": 6, "prompts": 10, "held_out_error": 0.25},
    ]
    result = trained(tmp_path, rows)
    config = TrainConfig(L=1, b=4, T=2, width=8, heads=2, d=2, n=6, steps=30, batch=10)
    small = step_flops(config, prompts=20, points=3, loops=2)
    full = step_flops(config, prompts=10, points=6, loops=4)
    assert spent(result) == [
        (pytest.approx(10 * small + 10 * full), 0.5),
        (pytest.approx(10 * small + 20 * full), 0.25),
    ]


def test_a_training_of_one_size_has_spent_its_estimate(tmp_path: Path) -> None:
    rows: list[dict[str, float | int | None]] = [
        {"step": step, "loops": 4, "points": 6, "prompts": 10, "held_out_error": 1.0} for step in (10, 20, 30)
    ]
    config = TrainConfig(L=1, b=4, T=2, width=8, heads=2, d=2, n=6, steps=30, batch=10)
    assert spent(trained(tmp_path, rows))[-1][0] == pytest.approx(flops(config, None))


def test_a_dilated_window_costs_the_loops_from_its_first() -> None:
    shared = {"L": 1, "b": 6, "width": 8, "heads": 2, "d": 2, "n": 6}
    attached = TrainConfig.model_validate({**shared, "T": 2, "dilation": 3})
    # Loops 3 and 6 are scored, gradients flow through 3 to 6: as much as a window of 4, but for two read-outs.
    dense = TrainConfig.model_validate({**shared, "T": 4})
    read_outs = 3 * 2 * 2 * 6 * 8
    difference = step_flops(dense, prompts=1, points=6, loops=6) - step_flops(attached, prompts=1, points=6, loops=6)
    assert difference == pytest.approx(read_outs)
    # At 2 loops only one of the window's is left.
    alone = TrainConfig.model_validate({**shared, "T": 1})
    assert step_flops(attached, prompts=1, points=6, loops=2) == step_flops(alone, prompts=1, points=6, loops=2)
