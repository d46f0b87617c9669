"""Run folders: new, unfinished, finished, another's, in use; what --force may remove; names that stay in place."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icltool.core.config import Config, setting
from icltool.core.errors import OutputError, RunFolderError, UsageError
from icltool.core.result import Result
from icltool.core.run_folder import open_run, safe_name, settings_from
from icltool.core.study import RunRequest, Study
from icltool.core.toml_files import read_toml
from tests.waiting import said_by, wait_beside


class Setup(Config):
    """Settings of a run."""

    b: int = setting(2, "Loops.")
    T: int | None = setting(None, "Window.")


TOY = Study(name="toy", package="toys", config_class="Setup", summary="A toy.", leaves=("curves.safetensors",))
OUT = Path("run")
PLAIN = RunRequest(out=OUT)
RESUME = RunRequest(out=OUT, resume=True)
FORCE = RunRequest(out=OUT, force=True)


def finish(path: Path) -> None:
    Result(kind="toy", label="toy", config={}, environment={}, summary={"error": 0.5}, records=[], run=path).save()


def begin(config: Config | None = None, how: RunRequest = PLAIN, **inputs: str) -> bool:
    """Open the folder `run`; returns whether it was finished."""
    with open_run(TOY, config or Setup(), slug="toy", request=how, inputs=inputs) as folder:
        return folder.finished


def test_temporary_files_of_a_killed_writer_go_and_others_stay():
    begin()
    for name in (".model.safetensors.4711.tmp", "notes.tmp"):
        (OUT / name).write_text("half")
    begin(how=RESUME)
    assert [path.name for path in OUT.glob("*.tmp")] == ["notes.tmp"]
    assert not list(OUT.glob(".*.tmp"))


def test_new_then_unfinished_then_finished():
    assert begin() is False
    assert read_toml(OUT / "config.toml") == {"study": "toy", "b": 2, "inputs": {}}
    with pytest.raises(RunFolderError, match=r"run holds an unfinished run; add --resume .* or --force"):
        begin()
    assert begin(how=RESUME) is False
    finish(OUT)
    assert begin() is True
    assert begin(how=RESUME) is True


def test_a_run_killed_after_its_result_leaves_no_state_behind():
    begin()
    (OUT / "resume.safetensors").write_bytes(b"state")
    begin(how=RESUME)
    assert (OUT / "resume.safetensors").exists()
    finish(OUT)
    assert begin() is True
    assert not (OUT / "resume.safetensors").exists()


def test_resume_starts_what_does_not_exist():
    assert begin(how=RESUME) is False


def test_a_run_names_itself_by_its_settings():
    def folder_of(config: Setup, **inputs: str) -> Path:
        with open_run(TOY, config, slug="a b/c", request=RunRequest(force=True), inputs=inputs) as folder:
            return folder.path

    first = folder_of(Setup())
    assert first.parent == Path("runs/toy")
    assert first.name.startswith("a-b-c-")
    assert folder_of(Setup()) == first
    assert len({first, folder_of(Setup(b=3)), folder_of(Setup(T=1)), folder_of(Setup(), data="sha256:0")}) == 4


def test_other_settings_are_refused_by_name():
    begin()
    for how in (PLAIN, RESUME):
        with pytest.raises(RunFolderError, match=r"b is 2 there and 4 here"):
            begin(Setup(b=4), how)
        with pytest.raises(RunFolderError, match=r"T is None there and 3 here"):
            begin(Setup(T=3), how)
        with pytest.raises(RunFolderError, match=r"inputs\.data is None there and 'sha256:1' here"):
            begin(None, how, data="sha256:1")


def test_force_removes_what_a_run_left_and_nothing_else():
    begin()
    for name in ("model.safetensors", "resume.safetensors", "metrics.jsonl", "figure.html", "notes.txt"):
        (OUT / name).touch()
    finish(OUT)
    assert begin(Setup(b=4), FORCE) is False
    assert read_toml(OUT / "config.toml")["b"] == 4
    assert {file.name for file in OUT.iterdir()} == {".lock", "config.toml", "notes.txt"}


def test_force_removes_what_another_study_left_there_too():
    begin()
    for name in ("curves.safetensors", "drawing.txt", "notes.txt"):
        (OUT / name).touch()
    finish(OUT)
    Study(name="drawer", package="toys", config_class="Setup", summary="A drawer.", leaves=("drawing.txt",))
    assert begin(Setup(b=4), FORCE) is False
    assert {file.name for file in OUT.iterdir()} == {".lock", "config.toml", "notes.txt"}


def test_resume_and_force_contradict_each_other():
    with pytest.raises(UsageError, match=r"choose one"):
        RunRequest(resume=True, force=True)


@pytest.mark.parametrize(
    ("name", "content"), [("thesis.tex", "mine"), ("config.toml", "title = 'mine'"), ("config.toml", "not = [toml")]
)
@pytest.mark.parametrize("how", [PLAIN, RESUME, FORCE])
def test_a_folder_of_somebody_else_keeps_every_file(name: str, content: str, how: RunRequest):
    OUT.mkdir()
    (OUT / name).write_text(content)
    with pytest.raises(RunFolderError, match=r"choose another --out"):
        begin(how=how)
    assert [(file.name, file.read_text()) for file in OUT.iterdir()] == [(name, content)]


def test_a_file_is_no_folder():
    OUT.touch()
    with pytest.raises(OutputError, match=r"run is a file"):
        begin()


def test_two_processes_do_not_share_a_folder():
    code = (
        "import sys; from pathlib import Path\n"
        "from icltool.core.config import Config\n"
        "from icltool.core.run_folder import open_run\n"
        "from icltool.core.study import RunRequest, Study\n"
        "toy = Study(name='toy', package='toys', config_class='Setup', summary='')\n"
        "with open_run(toy, Config(), slug='toy', request=RunRequest(out=Path('run'))):\n"
        "    Path('opened').touch(); sys.stdin.read()\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as other:
        wait_beside(other, Path("opened").exists, "the other process's folder")
        for how in (PLAIN, RESUME, FORCE):
            with pytest.raises(RunFolderError, match=r"run is in use by another icltool process"):
                begin(how=how)
        other.kill()
        said_by(other, seconds=20)
    # The lock dies with its process, however it died.
    assert begin(how=FORCE) is False


def test_settings_of_another_study_are_refused():
    begin()
    assert settings_from(OUT / "config.toml", study="toy") == {"b": 2}
    with pytest.raises(RunFolderError, match=r"settings of the study 'toy', not of 'train'"):
        settings_from(OUT / "config.toml", study="train")


@given(st.text())
def test_a_safe_name_never_leaves_its_folder(text: str):
    name = safe_name(text)
    assert 1 <= len(name) <= 80
    assert name not in {".", ".."}
    assert not name.startswith((".", "-"))
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert (Path("/base") / name).resolve().parent == Path("/base")
    assert safe_name(name) == name
