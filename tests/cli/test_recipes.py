"""`icltool recipes`, and completion in a real bash."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call

ROOT = Path(__file__).parents[2]


def test_recipes_are_listed_with_claim_scales_and_time(call: Call):
    outcome = call(f"recipes {ROOT / 'recipes'}")
    names = sorted(file.parent.name for file in (ROOT / "recipes").glob("*/recipe.toml"))
    assert outcome.code == 0
    assert [Path(line).name for line in outcome.out.splitlines()] == names
    assert "depth-vs-loops" in outcome.err
    assert "108 runs" in outcome.err
    tables = [json.loads(line) for line in call(f"recipes {ROOT / 'recipes'} --json").out.splitlines()]
    assert {Path(table["recipe"]).name for table in tables} == set(names)
    assert all(table["scales"]["paper"]["runs"] > 0 for table in tables)
    assert {duration["how"] for table in tables for duration in table["scales"].values()} <= {
        "measured", "scaled", "stated", "unknown",
    }  # fmt: skip
    assert "there is no recipe in" in call("recipes .").error


def test_a_terminal_of_80_shows_every_recipe_in_one_table_and_its_name_on_a_line(
    call: Call, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    folder = ROOT / "recipes"
    listed = call(f"recipes {folder}")
    rows = [[cell.strip() for cell in line.split("│")] for line in listed.err.splitlines() if line.startswith("│")]
    names = [Path(line).name for line in listed.out.splitlines()]
    assert sorted(row[2] for row in rows if row[2] in names) == names


def completed(*lines: str) -> list[set[str]]:
    """What bash offers at the end of each line, by the script that `icltool --show-completion bash` prints."""
    asked: list[str] = []
    for line in lines:
        words = shlex.split(line) + ([""] if line.endswith(" ") else [])
        quoted = " ".join(map(shlex.quote, words))
        asked.append(f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; $complete icltool; echo ${{COMPREPLY[@]}}")
    script = f"""
icltool() {{ {sys.executable} -m icltool "$@"; }}
export -f icltool
source <(_ICLTOOL_COMPLETE=source_bash icltool)
complete=$(complete -p icltool | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"""
    done = subprocess.run(
        ["bash", "-c", "\n".join([script, *asked])], cwd=ROOT, check=False, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [set(line.split()) for line in done.stdout.split("\n")[:-1]]


def test_bash_completes_commands_options_and_choices():
    commands, options, choices, recipes, workloads = completed(
        "icltool re",
        "icltool sweep --",
        "icltool sweep recipes/probing --scale p",
        "icltool sweep recipes/double-descent-",
        "icltool bench d",
    )
    assert commands == {"recipes", "report"}
    assert {"--dry-run", "--check", "--scale"} <= options
    assert choices == {"paper"}
    assert recipes == {"recipes/double-descent-dimensions", "recipes/double-descent-regularisation"}
    assert workloads == {"double-descent"}
