"""Recipes: grids by hand, scales, and every mistake in one line that names file, stage and key."""

from pathlib import Path
from typing import Any

import pytest

from icltool.core.errors import UsageError
from icltool.regression.studies.train.config import TrainConfig
from icltool.sweep.plan import expand, plan_sweep
from icltool.sweep.recipe import parse_recipe, read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*/recipe.toml"))


def recipe(**changes: Any) -> dict[str, Any]:
    stage: dict[str, Any] = {"name": "train", "study": "train", "grid": {"L": [1, 2]}, **changes}
    return {"claim": "1x", "title": "A claim", "stage": [stage]}


def test_a_grid_is_every_combination_and_zipped_axes_go_together() -> None:
    runs = expand({"seed": [0, 1], "T": [5, 10]}, {"L": [1, 2], "b": [8, 4]})
    assert len(runs) == 8
    assert runs[:4] == [
        {"L": 1, "b": 8, "seed": 0, "T": 5},
        {"L": 1, "b": 8, "seed": 0, "T": 10},
        {"L": 1, "b": 8, "seed": 1, "T": 5},
        {"L": 1, "b": 8, "seed": 1, "T": 10},
    ]
    assert {(run["L"], run["b"]) for run in runs} == {(1, 8), (2, 4)}
    assert expand({}, {}) == [{}]


def test_a_scale_changes_settings_over_settings_and_axes_over_axes() -> None:
    table = recipe(settings={"d": 8, "n": 16}, scale={"smoke": {"settings": {"n": 6}, "grid": {"L": [1], "seed": [0]}}})
    stage = parse_recipe(table, where="r").stage[0]
    smoke = stage.at("smoke")
    assert smoke.settings == {"d": 8, "n": 6}
    assert smoke.grid == {"L": [1], "seed": [0]}
    assert stage.at("cpu") == stage


def test_a_stage_runs_once_for_each_checkpoint_and_cell() -> None:
    table = recipe()
    table["stage"].append({"name": "measure", "study": "eval", "checkpoints": "train", "grid": {"loops": [1, 2, 3]}})
    plan = plan_sweep("r", parse_recipe(table, where="r"), scale=None, folder=Path("out"), where="r")
    train, measure = plan.stages
    assert [run.varied for run in train] == [{"L": 1}, {"L": 2}]
    assert len(measure) == 6
    assert measure[4].varied == {"L": 2, "loops": 2}
    assert measure[4].source is train[1]
    assert measure[4].config.model_dump()["checkpoint"] == str(train[1].folder)
    assert len({run.folder for run in plan.runs}) == 8


def test_stages_that_need_nothing_of_one_another_run_side_by_side() -> None:
    table = recipe()
    table["stage"].append({"name": "measure", "study": "eval", "checkpoints": "train"})
    table["stage"].append({"name": "other", "study": "train", "settings": {"steps": 5}})
    plan = plan_sweep("r", parse_recipe(table, where="r"), scale=None, folder=Path("out"), where="r")
    assert [[run.stage for run in turn] for turn in plan.turns] == [["train", "train", "other"], ["measure", "measure"]]
    assert [run.source for run in plan.turns[1]] == plan.turns[0][:2]


def test_a_stage_may_belong_to_some_scales_only() -> None:
    table = recipe()
    table["stage"].append({"name": "both", "study": "train", "only": ["smoke", "cpu"], "settings": {"steps": 5}})
    table["stage"].append({"name": "measure", "study": "eval", "only": ["cpu"], "checkpoints": "both"})
    content = parse_recipe(table, where="r")
    stages = {
        scale: [run.stage for run in plan_sweep("r", content, scale=scale, folder=Path("out"), where="r").runs]
        for scale in (None, "smoke", "cpu", "paper")
    }
    assert stages == {
        None: ["train", "train", "both", "measure"],
        "smoke": ["train", "train", "both"],
        "cpu": ["train", "train", "both", "measure"],
        "paper": ["train", "train"],
    }


def test_a_stage_cannot_outlive_the_one_whose_checkpoints_it_takes() -> None:
    table = recipe(only=["cpu"])
    table["stage"].append({"name": "measure", "study": "eval", "checkpoints": "train"})
    with pytest.raises(
        UsageError, match=r"^f: stage measure: only: .*'train'.* is not part of the scale smoke; remove"
    ):
        parse_recipe(table, where="f")


def test_a_circle_of_stages_is_named_at_the_first_that_looks_ahead() -> None:
    table = {
        "claim": "1x",
        "title": "A claim",
        "stage": [
            {"name": "one", "study": "eval", "checkpoints": "two"},
            {"name": "two", "study": "eval", "checkpoints": "one"},
        ],
    }
    with pytest.raises(UsageError, match=r"^f: stage one: checkpoints = 'two' is not an earlier stage \(a circle"):
        parse_recipe(table, where="f")


def test_a_preset_lies_under_the_settings() -> None:
    table = recipe(preset="depth-vs-loops", settings={"steps": 5})
    plan = plan_sweep("r", parse_recipe(table, where="r"), scale=None, folder=Path("out"), where="r")
    config = plan.runs[0].config
    assert isinstance(config, TrainConfig)
    assert (config.n, config.steps, config.optimiser) == (64, 5, "adam")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grit": {"L": [1]}}, r"^f: stage train: grit: unknown key; did you mean grid\?"),
        ({"grid": {"L": []}}, r"^f: stage train: grid.L is empty"),
        ({"zip": {"b": [1, 2], "T": [1]}}, r"^f: stage train: the zipped axes differ in length \(b has 2, T has 1\)$"),
        ({"zip": {"L": [1]}}, r"^f: stage train: L is an axis of both grid and zip"),
        ({"checkpoints": "trian"}, r"^f: stage train: there is no stage 'trian'; did you mean train\?"),
        ({"checkpoints": "train"}, r"^f: stage train: checkpoints = 'train' is not an earlier stage \(a circle"),
        ({"name": "Bad name/../x"}, r"^f: stage Bad name/../x: name: "),
        ({"scale": {"cpu": {"gird": {}}}}, r"^f: stage train: scale.cpu.gird: unknown key; did you mean grid\?"),
        ({"scale": {"cpu": {"grid": {"L": []}}}}, r"^f: stage train, scale cpu: grid.L is empty"),
        ({"grid": {"L": 3}}, r"^f: stage train: grid.L: "),
        ({"zip": {"b": []}}, r"^f: stage train: zip.b is empty"),
        ({"scale": {"cpu": {"zip": {"b": [1], "T": [1, 2]}}}}, r"^f: stage train, scale cpu: the zipped axes differ"),
        ({"only": ["gpu"]}, r"^f: stage train: only: 'gpu' is not a scale; did you mean cpu\?"),
        ({"scale": {"smok": {}}}, r"^f: stage train: scale\.smok.*'smok' is not a scale; did you mean smoke\?"),
        ({"only": []}, r"^f: stage train: only: "),
    ],
)
def test_a_mistake_is_one_line_that_names_the_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_recipe(recipe(**changes), where="f")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study": "trian"}, r"^f: stage train: there is no study 'trian'; did you mean train\?"),
        ({"grid": {"Loops": [1]}}, r"^f: stage train: unknown setting Loops"),
        ({"grid": {"L": [0]}}, r"^f: stage train: L: must be at least 1 \(got 0\)"),
        ({"grid": {"L": [1, 1]}}, r"^f: stage train: L-1 stands twice in the grid"),
        ({"preset": "papr"}, r"there is no preset 'papr'; did you mean paper\?"),
    ],
)
def test_every_run_is_validated_before_the_first_begins(changes: dict[str, Any], message: str) -> None:
    content = parse_recipe(recipe(**changes), where="f")
    with pytest.raises(UsageError, match=message):
        plan_sweep("r", content, scale=None, folder=Path("out"), where="f")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({**recipe(), "titel": "x"}, r"^f: titel: unknown key; did you mean title\?"),
        (
            {**recipe(), "figure": "depth-vs-lops"},
            r"^f: there is no figure 'depth-vs-lops'; did you mean depth-vs-loops",
        ),
        ({"title": "x", "stage": []}, r"^f: claim: is required$"),
        ({**recipe(), "stage": []}, r"^f: stage: List should have at least 1 item"),
        (
            {**recipe(), "stage": [*recipe()["stage"], *recipe()["stage"]]},
            r"^f: stage train: two stages have this name",
        ),
    ],
)
def test_a_mistake_of_the_whole_recipe_names_the_key(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_recipe(table, where="f")


def test_a_study_without_a_checkpoint_takes_none() -> None:
    table = recipe()
    table["stage"].append({"name": "again", "study": "train", "checkpoints": "train"})
    with pytest.raises(UsageError, match=r"^f: stage again: the study train takes no checkpoint; remove checkpoints"):
        plan_sweep("r", parse_recipe(table, where="f"), scale=None, folder=Path("out"), where="f")


def test_a_missing_file_and_bad_toml_are_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("claim = ")
    with pytest.raises(Exception, match=r"recipe.toml is not valid TOML"):
        read_recipe(tmp_path)
    with pytest.raises(Exception, match=r"there is no recipe .*nowhere"):
        read_recipe(tmp_path / "nowhere")


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.parent.name)
@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_every_shipped_recipe_plans_at_every_scale(file: Path, scale: Any) -> None:
    name, content = read_recipe(file)
    plan = plan_sweep(name, content, scale=scale, folder=Path("out"), where=str(file))
    assert plan.runs
    threads = {run.config.model_dump().get("threads") for run in plan.runs}
    assert None not in threads, "a recipe pins the threads of its runs"
