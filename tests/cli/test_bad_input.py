"""Bad input: one clear line that says what is wrong, where and what to do; exit 1 or 2; nothing written."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file, save_file

from icltool.core.tensor_files import write_tensor_file
from icltool.core.tensor_header import read_header
from tests.cli.conftest import Call

WRONG_SETTINGS = [
    ("trian", ["trian", "Did you mean 'train'?", "icltool --help"]),
    ("train --tsak x", ["--tsak", "did you mean --task"]),
    ("train --task linera-regression", ["--task", "linera-regression", "did you mean linear-regression?"]),
    ("train --task ''", ["--task", "choose from linear-regression"]),
    ("train --L 0", ["--L", "at least 1", "got 0"]),
    ("train --b 0", ["--b", "at least 1"]),
    ("train --T 0", ["--T", "at least 1"]),
    ("train --T -3", ["--T", "at least 1", "-3"]),
    ("train --n 0", ["--n", "at least 1"]),
    ("train --heads 3", ["3 heads", "width of 64", "such as 2"]),
    ("train --L 1e9", ["--L", "whole number", "1e9"]),
    ("train --L 1.5", ["--L", "whole number"]),
    ("train --width 1000000000", ["--width", "at most 65536"]),
    ("train --seed -1", ["--seed", "at least 0"]),
    ("train --seed 99999999999999999999", ["--seed", "at most 9223372036854775807"]),
    ("train --lr nan", ["--lr", "finite number", "nan"]),
    ("train --lr inf", ["--lr", "finite number", "inf"]),
    ("train --lr -0.1", ["--lr", "more than 0 ", "-0.1"]),
    ("train --lr ''", ["--lr", "a number"]),
    ("train --L 0 --b 0", ["--L", "--b"]),
    ("train --L '\x1b[31m'", ["--L", r"\x1b[31m"]),
    ("train --task '\x1b[31mred'", [r"\x1b[31mred"]),
    ("train --steps " + "9" * 4000, ["--steps", "..."]),
    ("train --device gpu", ["--device", "gpu", "auto, cpu, cuda"]),
    ("train --preset papr", ["papr", "did you mean paper?"]),
    ("train --out ''", ["--out", "empty"]),
    ("train --out 'a\nb'", ["--out", "control character"]),
    ("train --config ''", ["--config", "empty"]),
    ("train --L 1,,2", ["--L 1,,2", "missing between the commas"]),
    ("predict a b.csv --loops 1,2", ["--loops 1,2", "give one value"]),
    ("train --resume --force", ["--resume", "--force", "choose one"]),
    ("train stray", ["stray", "icltool train --help"]),
    ("train -L 3", ["-L", "did you mean --L?"]),
    ("train --l 3", ["--l", "did you mean --L?"]),
    ("train --layers 3", ["--layers", "did you mean --L?"]),
    ("train --learning-rate 3", ["--learning-rate", "did you mean --lr?"]),
    ("eval x --loop 3", ["--loop", "did you mean --loops?"]),
    ("train -x 3", ["-x", "icltool train --help"]),
    ("train --L", ["--L", "requires an argument"]),
    ("eval", ["CHECKPOINT", "give a path"]),
    ("eval ''", ["empty"]),
    ("eval a b --out c", ["--out", "2 inputs"]),
    ("eval -", ["stdin was empty"]),
    ("probe x --target wols", ["--target", "did you mean Wols?"]),
    ("probe x --target gd:x", ["gd:x", "did you mean gd:K?", "from 1 to"]),
    ("gpicl-test x --elsewhere mnis", ["--elsewhere", "mnis", "did you mean mnist?"]),
    ("sweep recipe.toml --scale cp", ["--scale", "did you mean cpu?"]),
    ("bench trian", ["trian", "did you mean train?"]),
    ("train --track tensorbord", ["--track", "did you mean tensorboard?"]),
    ("plot . --format svgg", ["--format", "did you mean svg?"]),
    ("plot . --format gif", ["--format", "gif", "html, svg, png, pdf"]),
    ("predict a", ["DATA"]),
    ("predict a ''", ["DATA", "empty"]),
]


@pytest.mark.parametrize(("line", "words"), WRONG_SETTINGS)
def test_a_wrong_setting_is_a_usage_error(line: str, words: list[str], call: Call):
    outcome = call(line)
    assert outcome.code == 2
    assert all(word in outcome.error for word in words), outcome.err
    assert len(outcome.error) < 400
    assert outcome.error.isprintable()
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_asked_for_and_absent(call: Call, tiny: str):
    outcome = call(f"train {tiny} --device cuda")
    assert outcome.code == 2
    assert "choose cpu or auto" in outcome.error
    assert list(Path().iterdir()) == []


MISSPELLED = [
    ("eval runs/trian/abc", "runs/train/abc"),
    ("eval runs/train/abcd/model.safetensors", "runs/train/abc/model.safetensors"),
    ("eval runs/train/abc/modle.safetensors", "runs/train/abc/model.safetensors"),
    ("inspect run/train/abc", "runs/train/abc"),
    ("predict runs/train/abc dtaa.csv", "data.csv"),
    ("plot runs/trian/abc", "runs/train/abc"),
    ("train --config runs/train/abc/confg.toml", "runs/train/abc/config.toml"),
    ("eval runs/train", "runs/train/abc/model.safetensors"),
    ("eval runs", "runs/train/abc/model.safetensors"),
    ("sweep recipes/a-clam", "recipes/a-claim"),
    ("sweep a-claim", "recipes/a-claim"),
    ("sweep a-clam", "recipes/a-claim"),
    ("report recipe/a-claim", "recipes/a-claim"),
    ("report a-claim", "recipes/a-claim"),
]


@pytest.mark.parametrize(("line", "meant"), MISSPELLED)
def test_a_missing_path_suggests_the_nearest_one(line: str, meant: str, call: Call):
    Path("runs/train/abc").mkdir(parents=True)
    Path("recipes/a-claim").mkdir(parents=True)
    for file in ("runs/train/abc/model.safetensors", "runs/train/abc/config.toml", "recipes/a-claim/recipe.toml"):
        Path(file).touch()
    Path("data.csv").touch()
    outcome = call(line)
    assert outcome.code == 1
    assert f"did you mean {meant}?" in outcome.error


def test_a_missing_recipe_that_comes_near_to_none(call: Call):
    assert "icltool recipes lists them" in call("sweep something").error


TOML = [
    ("L = ", "not valid TOML"),
    ("L = 1\nL = 2", "not valid TOML"),
    ("lenght = 1", "lenght"),
    ("taks = 'x'", "did you mean task?"),
    ("task = 'x'", "x is not a choice"),
    ("L = 'two'", "L: must be a whole number"),
    ("L = [1, 2]", "L: must be a whole number"),
    ("lr = nan", "lr: must be a finite number"),
    ("d = 1979-05-27", "d: must be a whole number"),
    ("study = 'eval'", "not of 'train'"),
    ("\ufeffL = 0", "L: must be at least 1"),
    ("\xff", "settings.toml"),
]


@pytest.mark.parametrize(("text", "said"), TOML)
def test_malformed_settings_name_their_file(text: str, said: str, call: Call):
    Path("settings.toml").write_bytes(text.encode("latin-1" if text == "\xff" else "utf-8"))
    outcome = call("train --config settings.toml")
    assert outcome.code in {1, 2}
    assert outcome.error.startswith("settings.toml")
    assert said in outcome.error
    assert [file.name for file in Path().iterdir()] == ["settings.toml"]


@pytest.mark.parametrize("command", ["eval", "inspect", "predict data.csv", "plot"])
@pytest.mark.parametrize("path", ["missing", "missing/model.safetensors", "folder", "empty.safetensors", "x" * 300])
def test_what_is_no_checkpoint(command: str, path: str, call: Call):
    Path("folder").mkdir()
    Path("empty.safetensors").touch()
    Path("data.csv").write_text("a,b,y\n1,2,3\n")
    name, *data = command.split()
    outcome = call(" ".join([name, path, *data]))
    assert outcome.code == 1
    assert "internal" not in outcome.error
    assert path.removeprefix("folder") in outcome.error or name == "plot"
    assert {file.name for file in Path().iterdir()} == {"data.csv", "empty.safetensors", "folder"}


def test_damaged_checkpoints(call: Call, trained: Path):
    whole = (trained / "model.safetensors").read_bytes()
    header, tensors = read_header(trained / "model.safetensors"), load_file(trained / "model.safetensors")
    Path("half.safetensors").write_bytes(whole[: len(whole) // 2])
    Path("short.safetensors").write_bytes(whole[:-1])
    save_file({"weight": torch.zeros(2)}, "foreign.safetensors")
    write_tensor_file(Path("wider.safetensors"), tensors, {**header, "model": {**header["model"], "width": 16}})
    text = whole.replace(b'\\"format\\":1,', b'\\"format\\":9,', 1)
    assert text != whole
    Path("newer.safetensors").write_bytes(text)
    said = {"half": "truncated", "short": "truncated", "foreign": "not one that icltool wrote"}
    said |= {"wider": "damaged", "newer": "update icltool"}
    for name, word in said.items():
        outcome = call(f"eval {name}.safetensors")
        assert outcome.code == 1
        assert f"{name}.safetensors" in outcome.error
        assert word in outcome.error
    assert not Path("runs").exists()


def test_more_points_than_the_model_has_positions(call: Call, trained: Path):
    outcome = call(f"eval {trained} --n 5 --threads 1 --eval-prompts 8 --quiet")
    assert outcome.code == 1
    assert "5 points" in outcome.error
    assert "4" in outcome.error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x1,x2,x3,y\n1,2,3,4\n", ["3 dimensions", "2"]),
        ("x1,x2,y\n" + "1,2,3\n" * 5, ["5 points"]),
        ("", ["empty"]),
        ("x1,x2,y\n1,nan,3\n", ["line 2", "x2", "nan"]),
    ],
)
def test_data_that_does_not_fit(text: str, words: list[str], call: Call, trained: Path):
    Path("data.csv").write_text(text)
    outcome = call(f"predict {trained} data.csv")
    assert outcome.code == 1
    assert all(word in outcome.error for word in ["data.csv", *words])
    assert [file.name for file in Path().iterdir()] == ["data.csv"]


def test_predictions_never_replace_their_input(call: Call, trained: Path):
    shutil.copy(trained / "model.safetensors", "model.safetensors")
    Path("data.csv").write_text("x1,x2,y\n1,2,3\n")
    for out in ("data.csv", "./model.safetensors"):
        before = Path(out).read_bytes()
        outcome = call(f"predict model.safetensors data.csv --force --out {out}")
        assert outcome.code == 1
        assert "another name" in outcome.error
        assert Path(out).read_bytes() == before


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/icltool", "/dev/null", "y" * 300])
@pytest.mark.parametrize("command", ["train", "eval RUN"])
def test_an_output_that_cannot_be_written(out: str, command: str, call: Call, tiny: str, trained: Path):
    Path("file").write_text("mine")
    options = tiny if command == "train" else "--threads 1"
    outcome = call(f"{command.replace('RUN', str(trained))} {options} --out {out}")
    assert outcome.code == 1
    assert out in outcome.error
    assert "--out" in outcome.error
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("name", ["notes.txt", "config.toml"])
@pytest.mark.parametrize("force", ["", "--force"])
def test_a_folder_of_somebody_else_is_left_alone(name: str, force: str, call: Call, tiny: str):
    Path("project").mkdir()
    (Path("project") / name).write_text("title = 'mine'")
    outcome = call(f"train {tiny} --out project {force}")
    assert outcome.code == 1
    assert "choose another --out" in outcome.error
    assert [(file.name, file.read_text()) for file in Path("project").iterdir()] == [(name, "title = 'mine'")]


@pytest.mark.parametrize("how", ["", "--resume"])
def test_another_setting_in_a_used_folder_is_named(how: str, call: Call, tiny: str, trained: Path):
    shutil.copytree(trained, "run")
    (Path("run") / "result.json").unlink()
    outcome = call(f"train {tiny} --out run --lr 0.5 {how}")
    assert outcome.code == 1
    assert "lr is 0.02 there and 0.5 here" in outcome.error


def test_of_several_other_settings_the_study_s_own_is_named(call: Call, tiny: str, trained: Path):
    outcome = call(f"train {tiny} --out {trained} --steps 4 --precision bf16 --threads 2")
    assert outcome.code == 1
    assert "steps is 3 there and 4 here" in outcome.error


def test_a_folder_in_use(call: Call, tiny: str, trained: Path):
    shutil.copytree(trained, "run")
    with FileLock("run/.lock"):
        outcome = call(f"train {tiny} --out run --force")
    assert outcome.code == 1
    assert "in use by another" in outcome.error
    assert (Path("run") / "result.json").exists()


def test_a_full_disk_while_saving(tiny: str, trained: Path):
    """Files may grow to 2000 bytes: config.toml fits, the checkpoint does not."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from icltool.cli.app import main; main()"
    )
    assert (trained / "model.safetensors").stat().st_size > 2000
    shutil.copytree(trained, "run")
    (Path("run") / "result.json").unlink()
    before = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    command = [sys.executable, "-c", code, "train", *tiny.split(), "--out", "run", "--resume", "--quiet"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "intact" in done.stderr
    after = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    assert after["model.safetensors"] == before["model.safetensors"]
    assert set(after) == set(before)
