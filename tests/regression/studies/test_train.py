"""`train` as a library: determinism, resume to the byte, divergence, what it leaves on disk."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from icltool.core.errors import DivergedError, InterruptedRun, RunFolderError
from icltool.core.metrics_log import read_rows
from icltool.core.progress import StepProgress
from icltool.core.result import load_result
from icltool.core.study import RunRequest
from icltool.core.tensor_header import read_header
from icltool.regression.evaluation.error_records import BY_EXAMPLE, BY_LOOP
from icltool.regression.models.checkpoint import load_checkpoint
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run
from tests.interruptions import stop_at
from tests.waiting import PATIENCE, said_by, wait_until

TINY: dict[str, Any] = {
    "L": 1,
    "b": 2,
    "width": 8,
    "heads": 2,
    "d": 2,
    "n": 6,
    "batch": 4,
    "steps": 60,
    "warmup": 5,
    "stage_min": 25,
    "stage_steps": 30,
    "points_start": 3,
    "log_every": 5,
    "eval_every": 20,
    "save_every": 7,
    "eval_prompts": 16,
    "threads": 1,
}


def tiny(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({**TINY, **settings})


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("optimiser", ["muon", "adam", "adamw"])
def test_the_same_config_gives_the_same_bytes(tmp_path: Path, optimiser: str) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        run(tiny(optimiser=optimiser), request=RunRequest(out=folder))
    assert weights(folders[0]) == weights(folders[1])
    run(tiny(optimiser=optimiser, seed=1), request=RunRequest(out=tmp_path / "c"))
    assert weights(tmp_path / "c") != weights(folders[0])


@pytest.mark.parametrize("optimiser", ["muon", "adam"])
def test_interrupted_again_and_again_and_resumed_is_as_never_interrupted(tmp_path: Path, optimiser: str) -> None:
    config = tiny(optimiser=optimiser, loops_start=1, loops_every=10)
    run(config, request=RunRequest(out=tmp_path / "whole"))
    cut = tmp_path / "cut"
    for step, number in ((5, signal.SIGINT), (15, signal.SIGTERM), (40, signal.SIGINT)):
        with pytest.raises(InterruptedRun) as stopped:
            run(config, request=RunRequest(out=cut, resume=True), on_step=stop_at(step, number))
        assert stopped.value.exit_code == 128 + number
        assert (cut / "resume.safetensors").exists()
    result = run(config, request=RunRequest(out=cut, resume=True))
    assert weights(cut) == weights(tmp_path / "whole")
    rates = {"prompts_per_second", "cpu_seconds"}
    rows, expected = (
        [{key: value for key, value in row.items() if key not in rates} for row in read_rows(folder / "metrics.jsonl")]
        for folder in (cut, tmp_path / "whole")
    )
    assert rows == expected
    assert result.records == load_result(tmp_path / "whole").records
    assert not (cut / "resume.safetensors").exists()


def test_killed_at_any_moment_and_resumed_is_as_never_killed(tmp_path: Path) -> None:
    settings = {**TINY, "steps": 200, "save_every": 3}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(TrainConfig.model_validate(settings), request=RunRequest(out=whole))
    options = [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    command = [sys.executable, "-m", "icltool", "train", *options, "--out", str(killed), "--resume", "--quiet"]
    survived = 0
    for wait in (0.02, 0.3, 0.05):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_until(lambda p=process: p.poll() is not None or (killed / "metrics.jsonl").exists(), "a logged step")
        time.sleep(wait)
        process.kill()
        said_by(process)
        survived += process.returncode == 0
    assert survived < 3, "the run was never caught unfinished"
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    assert weights(killed) == weights(whole)
    assert not list(killed.glob(".*.tmp"))


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    config = tiny(optimiser="adam", lr=900.0, final_lr=1.0, clip=0.0, steps=3000, curriculum="none", save_every=1)
    poisoned = tmp_path / "run"
    with pytest.raises(DivergedError, match=r"not finite (at|after) step \d+; the last good state") as error:
        run(config, request=RunRequest(out=poisoned), on_step=_poison_after(poisoned, step=20))
    assert error.value.exit_code == 3
    checkpoint = load_checkpoint(poisoned)
    assert all(bool(p.isfinite().all()) for p in checkpoint.model.parameters())


def _poison_after(folder: Path, *, step: int) -> Any:
    """Break the training data's generator after a step, so that prompts become infinite (a stand-in for overflow)."""

    def on_step(progress: StepProgress) -> None:
        if progress.step >= step:
            from icltool.regression.data import function_classes

            def infinite(_generator: object, xs: torch.Tensor, _dims: int) -> Any:
                return function_classes.Prompts(xs=xs, ys=torch.full(xs.shape[:2], torch.inf))

            monkey.setitem(function_classes.SAMPLERS, "linear-regression", infinite)

    monkey = pytest.MonkeyPatch()
    _undo.append(monkey)
    return on_step


_undo: list[pytest.MonkeyPatch] = []


@pytest.fixture(autouse=True)
def undo_poison() -> Any:
    yield
    while _undo:
        _undo.pop().undo()


def test_what_a_run_leaves(tmp_path: Path) -> None:
    result = run(tiny(), request=RunRequest(out=tmp_path / "run"))
    names = {entry.name for entry in (tmp_path / "run").iterdir()} - {".lock"}
    assert names == {"config.toml", "model.safetensors", "metrics.jsonl", "result.json"}
    header = read_header(tmp_path / "run" / "model.safetensors")
    assert header["step"] == 60
    assert header["config"]["width"] == 8
    assert set(header) == {"config", "format", "metrics", "model", "step", "study"}
    assert not any(word in json.dumps(header) for word in (str(tmp_path), "second"))
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(5, 61, 5))
    assert set(rows[-1]) == {
        "step", "loss", "running_error", "gradient_norm", "lr", "loops", "points", "dims", "prompts",
        "prompts_per_second", "cpu_seconds",
        "held_out_error",
    }  # fmt: skip
    assert rows[-1]["held_out_error"] == pytest.approx(result.summary["held_out_error"], rel=1e-6)
    assert result.summary["steps"] == 60
    assert load_result(tmp_path / "run").summary == result.summary


def test_the_header_alone_rebuilds_the_model(tmp_path: Path) -> None:
    run(
        tiny(architecture="tied", gelu="exact", positions="none", final_norm=False),
        request=RunRequest(out=tmp_path / "r"),
    )
    (tmp_path / "alone.safetensors").write_bytes(weights(tmp_path / "r"))
    model = load_checkpoint(tmp_path / "alone.safetensors").model
    assert model.config.architecture == "tied"
    assert model.final_norm is None
    assert model.positions is None
    assert model.config.gelu == "exact"


def test_a_finished_run_answers_at_once_and_an_unfinished_one_asks(tmp_path: Path) -> None:
    config, request = tiny(), RunRequest(out=tmp_path / "run")
    first = run(config, request=request)
    before = (tmp_path / "run" / "result.json").stat().st_mtime_ns
    assert run(config, request=request).summary == first.summary
    assert (tmp_path / "run" / "result.json").stat().st_mtime_ns == before
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(RunFolderError, match=r"unfinished run; add --resume to go on or --force"):
        run(config, request=request)


def test_a_wide_window_is_the_same_run_as_all_loops() -> None:
    assert run(tiny(T=20, steps=1)).run == run(tiny(T=2, steps=1)).run == run(tiny(steps=1)).run


def test_bf16_trains(tmp_path: Path) -> None:
    exact = run(tiny(steps=10), request=RunRequest(out=tmp_path / "f32"))
    rough = run(tiny(precision="bf16", steps=10), request=RunRequest(out=tmp_path / "bf16"))
    assert (exact.environment["precision"], rough.environment["precision"]) == ("f32", "bf16")
    assert rough.summary["held_out_error"] != exact.summary["held_out_error"]
    assert rough.summary["held_out_error"] == pytest.approx(exact.summary["held_out_error"], rel=0.05)


def test_the_saved_figures_are_those_of_the_saved_model(tmp_path: Path) -> None:
    """The held-out error in the result is what the checkpoint gives when measured afresh."""
    from icltool.regression.studies.evaluate.config import EvaluateConfig
    from icltool.regression.studies.evaluate.run import run as evaluate

    trained = run(tiny(), request=RunRequest(out=tmp_path / "run"))
    measured = evaluate(
        EvaluateConfig(checkpoint=str(tmp_path / "run"), eval_prompts=16, threads=1),
        request=RunRequest(out=tmp_path / "e"),
    )
    # To rounding: a training's last loop is computed at the x tokens alone, an evaluation's at all, and on AMD the
    # library's products round by the number of rows (with MKL_CBWR=COMPATIBLE the bits are equal there too).
    assert measured.summary["held_out_error"] == pytest.approx(trained.summary["held_out_error"], rel=1e-6)
    for measure in (BY_EXAMPLE, BY_LOOP):
        ours, theirs = (result.select(role="model", measure=measure) for result in (measured, trained))
        assert [(row["loop"], row["examples"]) for row in ours] == [(row["loop"], row["examples"]) for row in theirs]
        for band in ("mean", "low", "high"):
            assert [row[band] for row in ours] == pytest.approx([row[band] for row in theirs], rel=1e-5)


def test_a_short_training_ends_where_it_did_when_recorded(tmp_path: Path) -> None:
    """A refactor must keep the numbers: recorded with torch 2.13 on one thread, in float32."""
    recorded = json.loads((Path(__file__).parents[2] / "assets" / "golden_train.json").read_text())
    run(tiny(), request=RunRequest(out=tmp_path / "run"))
    rows = {int(row["step"] or 0): row for row in read_rows(tmp_path / "run" / "metrics.jsonl")}
    assert list(recorded) == ["10", "20", "30", "40", "50", "60"]
    for step, loss in recorded.items():
        assert rows[int(step)]["loss"] == pytest.approx(loss, rel=1e-3)
