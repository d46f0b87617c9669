"""A study and a learner from outside, added to their tables alone: help, runs, sweeps and reports know them."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from torch import nn

from icltool.gpicl.learners.config import LEARNERS, GpiclModelConfig, LearnerKind
from icltool.gpicl.learners.cost import Products
from icltool.studies import STUDIES
from tests.assets.coins import COINS
from tests.cli.conftest import Call

RECIPE = """
claim = "0"
title = "Coins"

[[stage]]
name = "toss"
study = "coins"
settings = {tosses = 8}
grid = {seed = [0, 1]}
"""


@pytest.fixture(autouse=True)
def added() -> Generator[None]:
    STUDIES.append(COINS)
    LEARNERS["guesser"] = LearnerKind(build=f"{__name__}:Guesser.of", products=f"{__name__}:guesses", core_rate=1e9)
    yield
    STUDIES.remove(COINS)
    del LEARNERS["guesser"]


def test_a_study_is_a_command_with_help(call: Call) -> None:
    assert "coins" in call("--help").out
    assert "--tosses" in call("coins --help").out
    ran = call("coins --tosses 4 --out c")
    assert (ran.code, Path(ran.out.strip())) == (0, Path("c/result.json"))
    assert "tossing 4/4 heads" in ran.err, "the value that the study shows, and no other"
    assert "tails" not in ran.err
    assert "Toss coins." in Path(call("report c").out.strip()).read_text()


def test_force_removes_what_the_study_says_it_leaves_and_nothing_else(call: Call) -> None:
    call("coins --tosses 1 --out c")
    assert (Path("c") / "coins.txt").exists()
    (Path("c") / "notes.txt").write_text("mine")
    assert call("coins --tosses 2 --out c --force").code == 0
    assert {path.name for path in Path("c").iterdir()} - {".lock", "figure.html"} == {
        "config.toml", "result.json", "notes.txt",
    }  # fmt: skip


def test_a_sweep_in_workers_a_dry_run_and_a_report_know_the_study(call: Call) -> None:
    Path("recipe").mkdir()
    (Path("recipe") / "recipe.toml").write_text(RECIPE)
    planned = call("sweep recipe --scale cpu --dry-run")
    assert planned.code == 0
    assert "toss/seed-0" in planned.err
    assert "0.016" in planned.err, "PFLOP of both runs"
    assert "about 88 s on 2 cores" in planned.err
    swept = call("sweep recipe --scale cpu --json")
    assert json.loads(swept.out)["summary"]["failed"] == 0
    assert "heads" in swept.err
    assert "tosses" not in swept.err, "the headline's measures alone"
    reported = call("report runs/sweep/recipe-cpu")
    assert reported.code == 0
    assert "Heads of coins" in Path(reported.out.strip()).read_text()


class Guesser(nn.Module):
    """Logits that ignore the sequence."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(classes))
        self.state_size = 0

    @staticmethod
    def of(_config: GpiclModelConfig, *, inputs: int, classes: int, generator: torch.Generator | None) -> "Guesser":
        return Guesser(classes)

    def forward(self, inputs: torch.Tensor, previous_labels: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(*inputs.shape[:2], -1)


def guesses(_config: GpiclModelConfig, context: int, *, inputs: int, classes: int) -> Products:
    return Products(both=context * classes)


def test_a_learner_is_a_choice_that_trains_is_tested_and_costs(call: Call) -> None:
    assert "guesser" in " ".join(call("gpicl-train --help").out.split())
    assert "is not a choice" in call("gpicl-train --learner nobody").error
    sizes = "--features pixels --resize 4 --context 6 --batch 4 --steps 4 --eval-prompts 20 --threads 1"
    trained = call(f"gpicl-train --learner guesser --optimiser adam {sizes} --out g")
    assert trained.code == 0, trained.err
    tested = call("gpicl-test g --eval-prompts 20 --elsewhere '' --threads 1 --out t --json")
    assert json.loads(tested.out)["summary"]["state_size"] == 0
    Path("recipe").mkdir()
    stage = 'name = "train"\nstudy = "gpicl-train"\nsettings = {learner = "guesser", steps = 100}'
    (Path("recipe") / "recipe.toml").write_text(f'claim = "0"\ntitle = "Guesses"\n[[stage]]\n{stage}\n')
    assert "trainings: about" in call("sweep recipe --dry-run").err
    assert "guesser" in Path(call("report t").out.strip()).read_text()
