"""`import-checkpoint` and `mask-tokens` as commands: an official file in, a path out, everything else from there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from icltool.core.errors import InputError, RunFolderError, UsageError
from icltool.core.study import RunRequest
from icltool.core.tensor_header import read_header
from icltool.regression.models.checkpoint import load_checkpoint
from icltool.regression.studies.import_checkpoint.config import ImportCheckpointConfig
from icltool.regression.studies.import_checkpoint.run import run
from tests.reference.official_gpt2 import OfficialModel
from tests.waiting import PATIENCE

SIZES = {"d": 3, "width": 16, "heads": 2, "layers": 1, "positions": 13}


def official_file(name: str = "state.pt", *, seed: int = 0) -> OfficialModel:
    model = OfficialModel("looped_transformer", **SIZES, seed=seed)
    torch.save({"model_state_dict": model.state_dict(), "optimizer_state_dict": {}, "train_step": 70}, name)
    return model


def command(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    icltool = [sys.executable, "-m", "icltool"]
    return subprocess.run(
        [*icltool, *words], input=given, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def settings(file: str = "state.pt", **others: object) -> ImportCheckpointConfig:
    return ImportCheckpointConfig.model_validate({"file": file, "heads": 2, **others})


def test_what_comes_in_and_what_the_header_says() -> None:
    official_file()
    result = run(settings(b=20, task="decision-tree"))
    assert result.run.parent == Path("runs/import-checkpoint")
    assert result.checkpoint is not None
    checkpoint = load_checkpoint(result.checkpoint)
    assert (checkpoint.study, checkpoint.step, checkpoint.task) == ("import-checkpoint", 70, "decision-tree")
    assert (checkpoint.label, checkpoint.run_name) == ("looped L=1 b=20", "state")
    assert (checkpoint.model.config.n, checkpoint.model.config.heads) == (6, 2)
    assert "state.pt" not in json.dumps(read_header(result.checkpoint))
    block = (48 * 16 + 48) + (16 * 16 + 16) + (64 * 16 + 64) + (16 * 64 + 16) + 2 * 32
    assert result.summary["parameters"] == (16 * 3 + 16) + 12 * 16 + block + 32 + (16 + 1)


def test_the_same_import_answers_at_once_and_another_is_refused() -> None:
    official_file()
    out = RunRequest(out=Path("in"))
    first = run(settings(), request=out)
    written = (Path("in") / "model.safetensors").stat().st_mtime_ns
    Path("state.pt").rename("moved.pt")
    assert run(settings("moved.pt"), request=out).summary == first.summary
    assert (Path("in") / "model.safetensors").stat().st_mtime_ns == written
    official_file("other.pt", seed=1)
    with pytest.raises(RunFolderError, match=r"other settings: inputs\.checkpoint"):
        run(settings("other.pt"), request=out)
    run(settings("other.pt"), request=RunRequest(out=Path("in"), force=True))
    assert (Path("in") / "model.safetensors").stat().st_mtime_ns != written
    (Path("in") / "result.json").unlink()
    run(settings("other.pt"), request=out)  # an import cut short is simply done again


def test_what_is_wrong_is_said_before_a_folder_is_made() -> None:
    official_file()
    with pytest.raises(UsageError, match="3 heads do not divide a width of 16"):
        run(settings(heads=3))
    with pytest.raises(InputError, match=r"cannot read absent\.pt"):
        run(settings("absent.pt"))
    assert not Path("runs").exists()


def test_a_standard_model_has_one_loop() -> None:
    official_file()
    result = run(settings(architecture="standard", b=9))
    assert result.label == "standard L=1"
    assert result.run == run(settings(architecture="standard")).run


def test_from_the_official_file_to_predictions_by_commands() -> None:
    official = official_file()
    random = torch.Generator().manual_seed(3)
    xs, ys = torch.randn(4, 6, 3, generator=random), torch.randn(4, 6, generator=random)
    save_file({"xs": xs, "ys": ys}, "data.safetensors")
    imported = command("import-checkpoint", "state.pt", "--heads", "2", "--out", "in")
    assert (imported.returncode, imported.stdout) == (0, "in/model.safetensors\n"), imported.stderr
    assert "looped L=1 b=1: layout looped_transformer, layers 1, width 16, heads 2, d 3" in imported.stderr
    predicted = command(
        "predict", "-", "data.safetensors", "--loops", "5", "--threads", "1", "--out", "p.safetensors",
        given=imported.stdout,
    )  # fmt: skip
    assert predicted.returncode == 0, predicted.stderr
    expected = official(xs, ys, loops=5)
    torch.testing.assert_close(load_file("p.safetensors")["predictions"], expected, atol=1e-5, rtol=0)
    masked = command(
        "mask-tokens", "-", "--loops", "2", "--eval-prompts", "8", "--threads", "1", "--json", given=imported.stdout
    )
    assert masked.returncode == 0, masked.stderr
    told = json.loads(masked.stdout)
    assert told["kind"] == "mask-tokens"
    assert Path(told["result"]).exists()
    assert (Path(told["run"]) / "figure.html").exists()


def test_one_line_and_an_exit_code_for_what_is_wrong() -> None:
    official_file()
    without = command("import-checkpoint", "state.pt")
    assert (without.returncode, without.stdout) == (2, "")
    assert without.stderr.splitlines() == ["error: --heads is required"]
    Path("bad.pt").write_bytes(b"no checkpoint")
    bad = command("import-checkpoint", "bad.pt", "--heads", "2")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert len(bad.stderr.splitlines()) == 1
    assert bad.stderr.startswith("error: bad.pt is damaged")
    other_way = command("eval", "state.pt")
    assert (other_way.returncode, other_way.stdout) == (1, "")
    assert "icltool import-checkpoint brings an official .pt file in" in other_way.stderr
