"""The contract of the command line, through the real program: stdout for programs, stderr for people, exit codes."""

import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from icltool import __version__
from tests.cli.conftest import Call

PROGRAM = f"{sys.executable} -m icltool"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `icltool` is this checkout's."""
    script = f'set -o pipefail; icltool() {{ {PROGRAM} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


def test_a_run_prints_its_path_answers_at_once_and_repeats(tiny: str, call: Call):
    first = shell(f"icltool train {tiny}")
    assert first.returncode == 0, first.stderr
    path = Path(first.stdout.removesuffix("\n"))
    assert path.name == "model.safetensors"
    assert path.is_file()
    assert len(first.stdout.splitlines()) == 1
    assert "training 3/3" in first.stderr
    assert "least squares" in first.stderr
    assert "\x1b" not in first.stderr

    written = path.stat().st_mtime_ns
    again = call(f"train {tiny} --json --quiet")
    assert (again.code, again.err) == (0, "")
    table = json.loads(again.out)
    assert set(table) == {"kind", "run", "checkpoint", "result", "summary"}
    assert (table["kind"], table["checkpoint"], table["run"]) == ("train", str(path), str(path.parent))
    assert {"steps", "steps_per_second", "seconds"} < set(table["summary"])
    assert path.stat().st_mtime_ns == written, "a finished run was trained again"

    repeated = call(f"train --config {path.parent}/config.toml --out elsewhere --quiet")
    assert (repeated.code, repeated.out) == (0, "elsewhere/model.safetensors\n")
    assert Path("elsewhere/model.safetensors").read_bytes() == path.read_bytes()


def test_commands_join_in_a_pipeline(tiny: str):
    done = shell(
        f"icltool train {tiny} --quiet | icltool eval - --threads 1 --eval-prompts 8 --loops 3 --quiet | icltool plot -"
    )
    assert done.returncode == 0, done.stderr
    figure = Path(done.stdout.strip())
    assert figure.parts[:2] == ("runs", "eval")
    assert "<svg" in figure.read_text() or "plotly" in figure.read_text().lower()


def test_a_failing_first_command_fails_the_pipeline():
    done = shell("icltool train --L 0 | icltool eval -")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--L: must be at least 1" in done.stderr
    assert "stdin was empty" in done.stderr


def test_a_reader_that_is_gone(trained: Path):
    done = shell(f"icltool inspect {trained} --json | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, "")


def test_a_stdout_that_is_full(call: Call, trained: Path, monkeypatch: pytest.MonkeyPatch):
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        outcome = call(f"inspect {trained} --json")
    assert outcome.code == 1
    assert outcome.error.startswith("cannot write to stdout: No space left on device")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_so_and_keeps_its_state(number: signal.Signals, code: int, tiny: str):
    words = [*PROGRAM.split(), "train", *tiny.split(), "--steps", "1000000", "--out", "run", "--log-every", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 200
        while not Path("run/metrics.jsonl").exists() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=200)
    assert process.returncode == code, err
    assert out == ""
    assert "--resume" in err.splitlines()[-1]
    assert Path("run/resume.safetensors").is_file()


def test_help_is_light_and_the_version_alone():
    probe = (
        "import sys; sys.argv = ['icltool', '--help']\n"
        "from icltool.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'plotly', 'sklearn', 'pydantic', 'numpy', 'scipy', 'ray'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("train", "eval", "predict", "inspect", "plot"):
        assert f" {command} " in done.stdout
    assert shell("icltool --version").stdout == f"icltool {__version__}\n"


def test_inspecting_a_file_needs_no_torch(trained: Path):
    probe = (
        "import sys\n"
        f"sys.argv = ['icltool', 'inspect', '--json', {str(trained / 'model.safetensors')!r}, {str(trained)!r}]\n"
        "from icltool.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    header, folder = map(json.loads, done.stdout.splitlines())
    assert header["tensors"] == len(header["shapes"]) > 10
    assert folder["what"] == "run folder"
    assert not any(name.startswith(".") for name in folder["files"])


def test_nothing_at_all_is_a_question_for_help(call: Call):
    outcome = call("")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Usage" in outcome.out


def test_debug_shows_where_and_keeps_the_code(call: Call):
    outcome = call("train --L 0 --debug")
    assert outcome.code == 2
    assert outcome.err.startswith("Traceback")
    assert outcome.err.splitlines()[-1].startswith("error: --L")


def test_defaults_yield_to_preset_to_file_to_flags(call: Call, tiny: str):
    Path("file.toml").write_text("eval_every = 77\nlog_every = 66\n")
    assert call(f"train {tiny} --preset loop-study --config file.toml --log-every 55 --out run --quiet").code == 0
    stored = tomllib.loads(Path("run/config.toml").read_text())
    assert stored["injection"] == "add"  # the default
    assert stored["optimiser"] == "adam"  # the preset; the default is muon
    assert stored["eval_every"] == 77  # the file; the preset says 500
    assert stored["log_every"] == 55  # the flag; the file says 66
    assert "preset" not in stored


def test_unfinished_runs_say_resume_or_force(call: Call, tiny: str, trained: Path):
    shutil.copytree(trained, "run")
    (Path("run") / "result.json").unlink()
    (Path("run") / "mine.txt").write_text("notes")
    outcome = call(f"train {tiny} --out run")
    assert outcome.code == 1
    assert "--resume" in outcome.error
    assert "--force" in outcome.error
    assert "--resume" in call("plot run").error
    forced = call(f"train {tiny} --out run --force --quiet")
    assert (forced.code, forced.out) == (0, "run/model.safetensors\n")
    assert (Path("run") / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    assert (Path("run") / "mine.txt").read_text() == "notes"


def test_divergence_is_exit_code_3(call: Call, tiny: str):
    outcome = call(f"train {tiny} --adam-eps 1e-300 --lr 1000 --out run --quiet")
    assert outcome.code == 3
    assert "not finite at step 2" in outcome.error


@pytest.mark.parametrize("line", ["{run}", "{run}/model.safetensors", '{{"checkpoint": "{run}/model.safetensors"}}'])
def test_a_dash_reads_paths_and_json_lines(line: str, call: Call, trained: Path):
    outcome = call("inspect - --json", stdin=f"\n{line.format(run=trained)}\n\n")
    assert outcome.code == 0
    assert json.loads(outcome.out)["config"]["L"] == 1


@pytest.mark.parametrize("line", ["{}", "{broken", '{"checkpoint": 3}', '{"file": "a.csv"}', "[]\0"])
def test_a_dash_refuses_what_is_no_path(line: str, call: Call):
    outcome = call("eval -", stdin=line)
    assert outcome.code == 2
    assert outcome.error


def test_a_config_of_an_evaluation_repeats_it(call: Call, trained: Path):
    first = call(f"eval {trained} --threads 1 --eval-prompts 8 --quiet --out one --allocator system")
    second = call("eval --config one/config.toml --out two --quiet")
    assert (first.out, second.out) == ("one/result.json\n", "two/result.json\n")
    one, two = (json.loads(Path(run, "result.json").read_text()) for run in ("one", "two"))
    assert one["records"] == two["records"]


def test_json_has_no_nan(call: Call, trained: Path):
    """A model far beyond its trained loops may overflow; null stands for it, on stdout and in result.json."""

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is not JSON")

    Path("data.json").write_text(
        '{"schema": 1, "kind": "eval", "label": "a", "config": {}, "inputs": {}, "environment": {}, "records": [], '
        '"summary": {"held_out_error": NaN, "other": Infinity}}'
    )
    outcome = call("inspect data.json --json")
    assert json.loads(outcome.out, parse_constant=refuse)["summary"] == {"held_out_error": None, "other": None}
