"""`icltool sweep --record` and `--check`, with one tiny recipe run for real."""

import json
from pathlib import Path

from tests.cli.conftest import Call

RECIPE = """
claim = "0"
title = "A test"
[[stage]]
name = "train"
study = "train"
settings = {b = 1, L = 1, width = 8, heads = 2, d = 2, n = 4, batch = 4, steps = 3, eval_prompts = 8, threads = 1}
grid = {seed = [0]}
"""


def test_record_check_and_what_moved(call: Call):
    Path("claim").mkdir()
    Path("claim/recipe.toml").write_text(RECIPE)
    unrecorded = call("sweep claim --check")
    assert unrecorded.code == 1
    assert "claim/reference.json holds no record of the scale smoke" in unrecorded.error
    assert not Path("runs").exists(), "it must say so before it runs"

    recorded = call("sweep claim --record --jobs 1")
    assert (recorded.code, recorded.out) == (0, "runs/sweep/claim-smoke/result.json\n")
    assert "recorded: claim/reference.json" in recorded.err
    text = Path("claim/reference.json").read_text()
    assert "seconds" not in text.partition('"figures"')[2], "times are of the machine"
    assert "runs/" not in text

    again = call("sweep claim/recipe.toml --check")
    assert (again.code, again.out) == (0, "runs/sweep/claim-smoke/result.json\n")
    assert "numbers are as recorded in claim/reference.json" in again.err
    assert Path("claim/reference.json").read_text() == text

    table = json.loads(text)
    (group,) = table["scales"]["smoke"]["figures"]
    group["measures"]["held_out_error"] = [100.0, 100.0, 100.0]
    Path("claim/reference.json").write_text(json.dumps(table))
    moved = call("sweep claim --check --json")
    assert moved.code == 1
    (difference,) = json.loads(moved.out)["moved"]
    assert (difference["measure"], difference["recorded"], difference["what"]) == ("held_out_error", 100.0, "moved")
    assert "held out error" in moved.err
    assert "moved" in moved.err
    assert moved.err.splitlines()[-1].startswith("error: 1 of ")
    quiet = call("sweep claim --check --quiet")
    assert (quiet.code, len(quiet.err.splitlines())) == (1, 1)


def test_contradictions(call: Call):
    assert call("sweep claim --check --record").code == 2
    assert "nothing to check" in call("sweep claim --check --dry-run").error
    assert "did you mean smoke?" in call("sweep claim --scale smok").error
