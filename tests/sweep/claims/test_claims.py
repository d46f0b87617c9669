"""What the claims compute themselves: operations spent, by hand from a metrics file."""

import json
from pathlib import Path

import pytest

from icltool.core.result import Result
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.cost import cost, step_flops
from icltool.sweep.claims.depth_vs_loops import spent
from icltool.sweep.claims.time_to_quality import by_depth


def trained(folder: Path, rows: list[dict[str, float | int | None]], **settings: int) -> Result:
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shape = {"L": 1, "b": 4, "T": 2, "width": 8, "heads": 2, "d": 2, "n": 6, "steps": 30, "batch": 10}
    config = TrainConfig.model_validate({**shape, **settings})
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
    assert spent(trained(tmp_path, rows))[-1][0] == pytest.approx(cost(config, None).flops)


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


def test_models_of_one_depth_share_a_panel_and_layers_a_colour(tmp_path: Path) -> None:
    runs: list[Result] = []
    for L, b, seed in ((2, 2, 0), (1, 1, 0), (1, 4, 0), (1, 4, 1)):
        folder = tmp_path / f"L{L}b{b}seed{seed}"
        folder.mkdir()
        rows: list[dict[str, float | int | None]] = [{"step": 10, "held_out_error": 0.5 / L}]
        runs.append(trained(folder, rows, L=L, b=b, T=min(b, 2), seed=seed))
    look = by_depth(runs).to_dict()
    lines = [(line["name"], line["xaxis"], line["line"]["dash"], line["showlegend"]) for line in look["data"]]
    assert lines == [
        ("L = 1", "x", "solid", True),
        ("L = 1", "x2", "solid", False),
        ("L = 1", "x2", "dash", False),
        ("L = 2", "x2", "solid", True),
    ]
    hues = [line["line"]["color"] for line in look["data"]]
    assert hues[0] == hues[1] == hues[2] != hues[3]
    assert [line["y"] for line in look["data"]] == [[0.5], [0.5], [0.5], [0.25]]
    assert [shape["y0"] for shape in by_depth(runs).layout.shapes] == [0.1] * 2, "learned: a tenth of predicting zero"
