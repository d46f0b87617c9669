"""`eval` as a library: its options, its records and figures, and what it does not import."""

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from icltool.core.errors import UsageError
from icltool.core.progress import StepProgress
from icltool.core.result import Result
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.regression.data.config import Shift
from icltool.regression.models.baselines import BASELINES
from icltool.regression.models.checkpoint import new_model, save_checkpoint
from icltool.regression.models.fitted_baselines import FITTED_BASELINES
from icltool.regression.studies.evaluate.config import EvaluateConfig
from icltool.regression.studies.evaluate.figure import figures, table
from icltool.regression.studies.evaluate.run import run
from icltool.regression.studies.train.config import TrainConfig


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    config = TrainConfig(d=4, n=6, b=3, width=8, heads=2)
    (tmp_path / "trained").mkdir()
    path = tmp_path / "trained" / "model.safetensors"
    save_checkpoint(path, new_model(config, generator(0, "w")), study="train", config=config, step=1, metrics={})
    return path


def evaluate(checkpoint: Path, **settings: Any) -> Result:
    config = EvaluateConfig.model_validate(
        {"checkpoint": str(checkpoint), "eval_prompts": 12, "threads": 1, **settings}
    )
    return run(config, request=RunRequest(out=checkpoint.parent / f"eval-{len(list(checkpoint.parent.iterdir()))}"))


def test_a_default_evaluation_has_the_model_and_the_quick_baselines(checkpoint: Path) -> None:
    result = evaluate(checkpoint)
    assert {row["model"] for row in result.select(role="baseline")} == set(BASELINES)
    assert len(result.select(measure="error by loop")) == 3
    assert [row["loop"] for row in result.select(measure="fixed-point residual")] == [2, 3]
    assert set(figures([result])) == {"error-by-example", "error-by-loop", "residual-by-loop"}
    assert len(table(result).rows) == 1 + len(BASELINES)


def test_loops_beyond_training_are_told_at_b_and_at_2b(checkpoint: Path) -> None:
    told = {"error_after_b_loops", "error_after_2b_loops"}
    assert told.isdisjoint(evaluate(checkpoint).summary)
    assert told & set(evaluate(checkpoint, loops=6).summary) == {"error_after_b_loops"}
    result = evaluate(checkpoint, loops=7)
    by_loop = {row["loop"]: row["mean"] for row in result.select(measure="error by loop")}
    assert result.summary["error_after_b_loops"] == pytest.approx(by_loop[3])
    assert result.summary["error_after_2b_loops"] == pytest.approx(by_loop[6])


def test_all_baselines_are_measured_on_fewer_prompts_and_say_so(checkpoint: Path) -> None:
    result = evaluate(checkpoint, baselines="all", fitted_prompts=3, fitted_places=3)
    for name in FITTED_BASELINES:
        rows = result.select(model=name)
        assert [(row["examples"], row["prompts"]) for row in rows] == [(2, 3), (5, 3)]
    assert ["Lasso (3 prompts)" in row[0] for row in table(result).rows].count(True) == 1
    legend = [trace.get("name") for trace in figures([result])["error-by-example"].to_dict()["data"]]
    assert "Lasso (3 prompts)" in legend
    assert "ridge" in legend


def test_the_shift_table_holds_every_shift_and_learner(checkpoint: Path) -> None:
    result = evaluate(checkpoint, shifts="all", eval_prompts=300)
    rows = result.select(measure="error by shift")
    assert {row["shift"] for row in rows} == set(get_args(Shift))
    zero = {row["shift"]: row["mean"] for row in rows if row["model"] == "zero" and row["examples"] == 5}
    assert zero["none"] == pytest.approx(1, abs=0.2)
    assert zero["x-scale-3"] == pytest.approx(9 * float(str(zero["none"])))
    assert zero["y-scale-1/2"] == pytest.approx(float(str(zero["none"])) / 4)
    assert max(int(str(row["examples"])) for row in rows if row["shift"] == "orthogonal-query") == 3
    unshifted = [row["mean"] for row in rows if row["shift"] == "none" and row["role"] == "model"]
    assert unshifted == pytest.approx([row["mean"] for row in result.select(measure="error by example", role="model")])
    heat_map = figures([result])["shifts"].to_dict()["data"][0]
    assert np.shape(heat_map["z"]) == (16, 2 + len(BASELINES))
    assert len(table(result).rows) == 16


def test_one_shift_is_the_row_of_the_table(checkpoint: Path) -> None:
    alone = evaluate(checkpoint, shift="seen-query")
    among = evaluate(checkpoint, shifts="all")
    expected = [row["mean"] for row in among.select(measure="error by shift", shift="seen-query", role="model")]
    found = [row["mean"] for row in alone.select(measure="error by example", role="model")]
    assert found == pytest.approx(expected, rel=1e-4)


def test_seeds_pool_the_prompts_of_each(checkpoint: Path) -> None:
    both = evaluate(checkpoint, seeds=2, eval_seed=5)
    each = [evaluate(checkpoint, eval_seed=seed).summary["held_out_error"] for seed in (5, 6)]
    assert [row["mean"] for row in both.select(measure="error by seed")] == pytest.approx(each)
    assert both.summary["held_out_error"] == pytest.approx(np.mean([float(str(error)) for error in each]))


def test_halting_spends_fewer_loops_and_is_drawn(checkpoint: Path) -> None:
    result = evaluate(checkpoint, loops=8, halt_tol=0.2)
    (asked,) = result.select(measure="halting", asked=True)
    assert asked["loops_spent"] == pytest.approx(result.summary["halted_loops"])
    assert 2 <= float(str(asked["loops_spent"])) < 8
    assert asked["mean"] == pytest.approx(result.summary["halted_error"], rel=1e-4)
    never = evaluate(checkpoint, loops=8, halt_tol=0.0)
    assert never.summary["halted_loops"] == 8
    assert never.summary["halted_error"] == pytest.approx(never.summary["held_out_error"])
    assert "halting" in figures([result, never])


def test_many_loops_are_drawn_on_a_logarithmic_axis(checkpoint: Path) -> None:
    drawn = figures([evaluate(checkpoint, loops=160, eval_prompts=2)])
    for name in ("error-by-loop", "residual-by-loop"):
        layout = drawn[name]["layout"]
        assert layout["xaxis"]["type"] == "log"
        assert layout["annotations"][0]["text"] == "trained b = 3"
        assert layout["annotations"][0]["x"] == pytest.approx(np.log10(3))


def test_a_real_table_is_scored_beside_the_same_baselines(checkpoint: Path) -> None:
    result = evaluate(checkpoint, table="breast-cancer", eval_prompts=400)
    first = result.select(model="least squares", examples=0)
    assert first[0]["mean"] == pytest.approx(1, abs=0.1)
    last = result.select(model="least squares", examples=5)
    assert float(str(last[0]["mean"])) != pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "wine", "shift": "x-scale-2"}, "a shift changes drawn functions"),
        ({"table": "wine", "shifts": "all"}, "a shift changes drawn functions"),
        ({"halt_tol": 0.1, "shift": "seen-query"}, "halt_tol stops a whole prompt, and seen-query"),
        ({"shift": "half-space"}, "did you mean half-subspace"),
        ({"halt_tol": -1}, "must be at least 0"),
    ],
)
def test_contradictions_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        EvaluateConfig.create({"checkpoint": "x", **settings})


def test_progress_ends_at_its_end(checkpoint: Path) -> None:
    heard: list[StepProgress] = []
    config = EvaluateConfig(
        checkpoint=str(checkpoint),
        eval_prompts=20,
        threads=1,
        baselines="all",
        fitted_prompts=2,
        fitted_places=2,
        shifts="all",
    )
    run(config, on_step=heard.append)
    assert [record.step for record in heard] == sorted(record.step for record in heard)
    assert {record.steps for record in heard} == {heard[-1].step}


def test_settings_load_neither_torch_nor_scikit_learn_and_a_default_evaluation_no_scikit_learn() -> None:
    code = (
        "import sys, icltool.regression.studies.evaluate.config;"
        "assert not {'torch', 'sklearn', 'scipy'} & set(sys.modules);"
        "import icltool.regression.studies.evaluate.run; assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
