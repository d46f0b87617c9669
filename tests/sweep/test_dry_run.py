"""`sweep --dry-run` as a reader sees it: every number of the printed table and of the lines below it, by hand."""

import sys
from pathlib import Path

import pytest

from icltool.cli.app import main

HEAD = 'claim = "0"\ntitle = "A test"\n'
TRAIN = """
[[stage]]
name = "train"
study = "train"
zip = {b = [1, 4], T = [1, 2]}

[stage.settings]
L = 1
width = 100
heads = 2
d = 5
n = 5
batch = 100
batch_points = 0
curriculum = "none"
steps = 1000000
threads = 1
"""
MEASURE = """
[[stage]]
name = "measure"
study = "eval"
checkpoints = "train"
settings = {loops = 4, eval_prompts = 100000, seeds = 200, threads = 1}
"""
TOY = """
[[stage]]
name = "toy"
study = "double-descent"
settings = {T = 1000, n = 1000, m = 2, sparsity = 0.99, steps = 100000, frames = 2, threads = 1}
"""
PREVIEW = """
[[stage]]
name = "preview"
study = "gpicl-augment"
settings = {threads = 1}
"""
GPICL = """
[[stage]]
name = "train"
study = "gpicl-train"

[stage.settings]
learner = "LEARNER"
dataset = "random"
features = "components"
components = 10
L = 1
width = 10
heads = 2
context = 10
cell_state = 4
batch = 100
steps = 80000
eval_every = 80000
eval_prompts = 100
threads = 1
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is as wide as its words."""
    monkeypatch.setenv("COLUMNS", "120")


def dry_run(recipe: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What `icltool sweep recipe.toml --dry-run` prints, line by line; it runs nothing and leaves nothing."""
    Path("recipe.toml").write_text(HEAD + recipe)
    # This process is not icltool's own.
    monkeypatch.setattr("icltool.cli.app.use_whole_process", lambda: None)
    monkeypatch.setattr(sys, "argv", ["icltool", "sweep", "recipe.toml", "--dry-run"])
    with pytest.raises(SystemExit) as stopped:
        main()
    out, errors = capfd.readouterr()
    assert (stopped.value.code, out) == (0, ""), errors
    assert [entry.name for entry in Path().iterdir()] == ["recipe.toml"]
    return errors.splitlines()


def cells(lines: list[str]) -> list[list[str]]:
    """The rows of the table, its head first."""
    rows = [line for line in lines if line.startswith(("│", "┃"))]
    return [[cell.strip() for cell in row.strip("│┃").replace("┃", "│").split("│")] for row in rows]


def test_the_runs_their_cost_and_the_total(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The train study: 10 tokens of width D = 100, one layer.

    A layer takes 10 (24 D² + 4 · 10 D) = 2.44e6 a prompt, the read-in 2 · 10 · 5 D = 1e4, a read-out 2 · 5 D = 1000; of
    the last layer 5 (20 D² + 4 · 10 D) = 1.02e6 is spared. One loop: 1.431e6 forward, twice that backward. Four loops,
    two of them scored: 8.752e6 forward, and backward 2 · 3.872e6. A step has 100 prompts.

    Kept for the backward pass: 4 · 17.6 · 100 prompts · 10 tokens · D a loop = 7.04e6 bytes; weights, gradients and two
    moments: 16 · 12 D² = 1.92e6 bytes.

    The evaluations spare nothing: 4 loops read out take 9.774e6 of each of 200 · 100 000 prompts.

    The toy model: 1e6 pairs and 1e4 non-zeros take 2 · 3 (3e6 + 5e4) = 1.83e7 a step. Its bytes: 128 a non-zero, 48 for
    each of 3 · 2000 coordinates, twice two snapshots of 2000 floats.
    """
    lines = dry_run(TRAIN + MEASURE + TOY + PREVIEW, monkeypatch, capfd)
    assert lines[0].endswith(": 6 runs")
    assert cells(lines) == [
        ["run", "study", "steps", "PFLOP", "GB"],
        ["train/b-1-T-1", "train", "1000000", "0.429", "0.00896"],
        ["train/b-4-T-2", "train", "1000000", "1.65", "0.016"],
        ["measure/b-1-T-1", "eval", "-", "0.195", "-"],
        ["measure/b-4-T-2", "eval", "-", "0.195", "-"],
        ["toy/run", "double-descent", "100000", "0.00183", "0.0016"],
        ["preview/run", "gpicl-augment", "-", "-", "-"],
        # 0.4293 + 1.6496 + 2 · 0.19548 + 0.00183.
        ["total", "", "", "2.47", ""],
    ]
    # The trainings of transformers take 4.293e14 and 1.6496e15 operations. On two cores, and on 64 GPUs, the longer one
    # decides: 1.6496e15 / 6.7e10 = 24 621 s and 1.6496e15 / 3.9e12 = 423 s; one GPU takes both, 533 s. A step of the
    # toy model takes 2 ms, its non-zeros 1.2 ms, its operations 1.83e7 / 1.7e10 s: together 428 s, on one core.
    rates = "0.067 TFLOP/s measured a core, 3.9 TFLOP/s assumed a GPU; less where prompts or loops grow"
    assert lines[-2:] == [
        f"trainings: about 6.8 h on 2 cores, 9 min on one GPU, 7 min on 64 GPUs, at {rates}",
        "trainings: about 7 min on 2 cores, at rates measured on one",
    ]


def test_without_a_training_no_time_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    lines = dry_run(PREVIEW, monkeypatch, capfd)
    assert cells(lines)[1:] == [["preview/run", "gpicl-augment", "-", "-", "-"], ["total", "", "", "0", ""]]
    assert not [line for line in lines if "trainings" in line]


@pytest.mark.parametrize(
    ("learner", "told"),
    [
        # 8e6 sequences in 80 000 steps. Making their projections of 10² numbers takes 8e6 · 100 · 6.5e-8 = 52 s,
        # projecting the ten images of a sequence 2 · 10 · 10² = 2000 operations. Of a sequence, forward and backward:
        # A block of 10 (24 · 10² + 4 · 10 · 10) = 28 000 and the read-out's 2000, three times; the read-in's 4000,
        # twice: with the images 1e5, at 1e11 a second.
        ("transformer", "60 s"),
        # A layer of 2000 and the read-in's 2000: 3 · 2000 + 2 · 2000 + 2000, at 1e11.
        ("mlp", "53 s"),
        # 4 gates: of the state 8000 and the read-out 2000, three times; of the inputs and labels 16 000, twice: 64 000,
        # at 2.7e10.
        ("lstm", "71 s"),
        # 4 · 10 + 2 · 2 gates: 3 (8800 + 2000) + 2 · 17 600 + 2000 = 69 600, at 2.7e10.
        ("op-lstm", "73 s"),
        # 10 · 10 cells of 4 · 4 gates over 4 + 2 · 8 + 1 numbers take 672 000, four times; messages 6400, three times:
        # 2 709 200, at 1.6e10.
        ("vsml", "23 min"),
        # One inner step: 3 · 26 000 + 2 · 4000 + 2000 + 2000 = 90 000, at 2.3e10.
        ("maml", "83 s"),
    ],
)
def test_the_time_of_a_meta_training(
    learner: str, told: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = dry_run(GPICL.replace("LEARNER", learner), monkeypatch, capfd)
    assert lines[-1] == f"trainings: about {told} on 2 cores, at rates measured on one"
    assert len([line for line in lines if "trainings" in line]) == 1


def test_two_meta_trainings_share_two_cores(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Three of 60 s and one of 53 s, on two cores: half their sum, 116 s."""
    both = GPICL.replace("[stage.settings]", "[stage.grid]\nseed = [0, 1, 2]\n[stage.settings]")
    both = both.replace("LEARNER", "transformer") + GPICL.replace('"train"', '"other"', 1).replace("LEARNER", "mlp")
    lines = dry_run(both, monkeypatch, capfd)
    assert len(cells(lines)) == 1 + 4 + 1
    assert lines[-1] == "trainings: about 2 min on 2 cores, at rates measured on one"
