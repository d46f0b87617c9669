"""One training by two processes of a real torchrun: what one process computes, whoever dies or is stopped meanwhile."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from icltool.cli.app import main
from icltool.core.errors import InterruptedRun, UsageError
from icltool.core.metrics_log import read_rows
from icltool.core.processes import Processes, launched
from icltool.core.result import load_result
from icltool.core.study import RunRequest
from icltool.core.tensor_header import read_header
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run
from icltool.training.shared_training import Share
from tests.interruptions import stop_at
from tests.waiting import said_by, wait_beside

# Seven prompts for two processes, and other odd numbers while the prompts are short: never the same for both.
SETTINGS: dict[str, Any] = {
    "L": 1, "b": 2, "width": 8, "heads": 2, "d": 3, "n": 6, "batch": 7, "batch_points": 51, "steps": 250, "warmup": 5,
    "clip": 1.0, "dims_start": 2, "points_start": 3, "stage_min": 25, "stage_steps": 60, "log_every": 5,
    "eval_every": 100, "save_every": 240, "eval_prompts": 16, "threads": 1,
}  # fmt: skip


def test_the_rows_of_all_processes_are_the_batch() -> None:
    for batch, count in ((7, 2), (64, 5), (3, 3)):
        parts = [Share(Processes(rank=rank, count=count)).rows(batch) for rank in range(count)]
        assert [row for first, last in parts for row in range(first, last)] == list(range(batch))
        assert max(last - first for first, last in parts) - min(last - first for first, last in parts) <= 1
    with pytest.raises(UsageError, match="--batch 2 cannot be shared by 3 processes"):
        Share(Processes(count=3)).require_rows(2)


def test_alone_nothing_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    def exchange(*_: object, **__: object) -> NoReturn:
        raise AssertionError("one process has nobody to exchange with")

    for name in ("init_process_group", "all_reduce", "broadcast"):
        monkeypatch.setattr(f"torch.distributed.{name}", exchange)
    assert launched() == Processes()
    assert not Share().together
    assert Share().rows(5) == (0, 5)
    result = run(TrainConfig.model_validate({**SETTINGS, "steps": 10, "warmup": 2}))
    assert result.summary["steps"] == 10


def start(out: Path, *options: str) -> subprocess.Popen[str]:
    """`torchrun` with two processes; -- keeps its own parser from the options of icltool."""
    words = [word for name, value in SETTINGS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "--", "icltool", "train", *words, "--out", str(out), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_step(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    def reached() -> bool:
        rows = read_rows(folder / "metrics.jsonl")
        return bool(rows) and int(rows[-1]["step"] or 0) >= step

    wait_beside(process, reached, f"step {step}")


def process_of(rank: int, process: subprocess.Popen[str]) -> int:
    """The process of this rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    own = b"\0RANK=%d\0" % rank
    return next(int(child) for child in children if own in Path(f"/proc/{child}/environ").read_bytes())


def assert_same_curve(folder: Path, other: Path) -> None:
    ours, theirs = read_rows(folder / "metrics.jsonl"), read_rows(other / "metrics.jsonl")
    assert [row["step"] for row in ours] == [row["step"] for row in theirs] == list(range(5, 251, 5))
    for row, reference in zip(ours, theirs, strict=True):
        for name in ("loss", "running_error", "gradient_norm"):
            assert row[name] == pytest.approx(reference[name], rel=1e-3), (row["step"], name)
        for name in ("prompts", "dims", "points"):
            assert row[name] == reference[name]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run by one process."""
    return run(TrainConfig.model_validate(SETTINGS), request=RunRequest(out=tmp_path_factory.mktemp("run") / "r")).run


def test_a_dead_process_ends_it_with_the_last_step_saved_and_one_process_goes_on(tmp_path: Path, alone: Path) -> None:
    process = start(tmp_path / "cut")
    wait_until_step(tmp_path / "cut", 50, process)
    os.kill(process_of(1, process), signal.SIGKILL)
    out, errors = said_by(process)
    assert process.returncode != 0
    assert out == ""
    (line,) = [line for line in errors.splitlines() if line.startswith("error: ")]
    header = read_header(tmp_path / "cut" / "resume.safetensors")
    assert header["step"] >= 50
    assert "another process of this run is gone" in line
    assert f"the last good state (step {header['step']}) is in {tmp_path / 'cut'}, go on with --resume" in line
    run(TrainConfig.model_validate(SETTINGS), request=RunRequest(out=tmp_path / "cut", resume=True))
    assert_same_curve(tmp_path / "cut", alone)


def test_without_its_leader_it_ends_and_one_process_goes_on_from_its_last_save(tmp_path: Path, alone: Path) -> None:
    """Only the leader saves, and one that is killed cannot."""
    process = start(tmp_path / "cut", "--save-every", "40")
    wait_until_step(tmp_path / "cut", 100, process)
    leader, follower = (process_of(rank, process) for rank in range(2))
    os.kill(leader, signal.SIGKILL)
    out, errors = said_by(process)
    assert process.returncode != 0
    assert out == ""
    assert not Path(f"/proc/{follower}").exists()
    assert not [line for line in errors.splitlines() if line.startswith("error: ")], errors
    assert read_header(tmp_path / "cut" / "resume.safetensors")["step"] in {80, 120, 160, 200, 240}
    settings = {**SETTINGS, "save_every": 40}
    run(TrainConfig.model_validate(settings), request=RunRequest(out=tmp_path / "cut", resume=True))
    assert_same_curve(tmp_path / "cut", alone)


def test_a_run_of_one_goes_on_with_two_which_are_stopped_and_go_on(tmp_path: Path, alone: Path) -> None:
    cut = tmp_path / "cut"
    with pytest.raises(InterruptedRun):
        run(TrainConfig.model_validate(SETTINGS), request=RunRequest(out=cut), on_step=stop_at(50))
    process = start(cut, "--resume")
    wait_until_step(cut, 120, process)
    process.terminate()
    out, errors = said_by(process)
    assert out == ""
    assert errors.count("error: interrupted at step ") == 1, errors
    assert read_header(cut / "resume.safetensors")["step"] >= 120
    out, errors = said_by(start(cut, "--resume"))
    assert out == f"{cut / 'model.safetensors'}\n", errors
    assert "Traceback" not in errors
    assert_same_curve(cut, alone)
    here, there = (load_result(folder).summary["held_out_error"] for folder in (cut, alone))
    assert here == pytest.approx(there, rel=1e-3)
    names = {entry.name for entry in cut.iterdir()} - {"figure.html"}
    assert names == {entry.name for entry in alone.iterdir()}, "what one process leaves, and nothing of another"
    assert load_result(cut).environment["processes"] == 2


def test_what_is_not_shared_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("icltool.cli.app.use_whole_process", lambda: None)
    for rank in range(2):
        given = {"TORCHELASTIC_RUN_ID": "0", "RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": 2}
        for name, value in given.items():
            monkeypatch.setenv(name, str(value))
        for words in (["eval", "runs/r"], ["train", "--seed", "0,1"]):
            monkeypatch.setattr(sys, "argv", ["icltool", *words])
            with pytest.raises(SystemExit) as stopped:
                main()
            assert stopped.value.code == 2
            errors = capsys.readouterr().err
            assert errors.startswith("error: torchrun shares out ") if rank == 0 else errors == ""
