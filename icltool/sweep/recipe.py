"""A recipe: stages, each a study with base settings, a grid and perhaps the checkpoints of an earlier stage.

claim = "1a"
title = "Depth helps far more than loops"
figure = "depth-vs-loops"                 # a name of FIGURES below; left out: that of the last stage's study

[[stage]]
name = "train"
study = "train"
preset = "depth-vs-loops"
settings = {d = 8}
grid = {seed = [42, 451, 1984]}           # every value of each axis with every value of the others
zip = {L = [1, 2, 4], b = [8, 4, 2]}      # axes that go together

[stage.scale.smoke]                       # what a scale changes: settings over settings, axes over axes
settings = {steps = 20}
grid = {seed = [0]}

[[stage]]
name = "mask"
study = "mask-tokens"
checkpoints = "train"                     # once for each run of that stage
only = ["smoke", "cpu"]                   # the scales that have this stage; left out: all
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from icltool.core.config import suggestion
from icltool.core.errors import InputError, UsageError
from icltool.core.files import nearest_path
from icltool.core.toml_files import read_toml

Scale = Literal["smoke", "cpu", "paper"]
# Where a checkout has its recipes.
FOLDER = Path("recipes")
SCALES: tuple[Scale, ...] = get_args(Scale)

# What draws each figure that a recipe can name: module and function of icltool.sweep.claims.
FIGURES: Mapping[str, str] = {
    "depth-vs-loops": "depth_vs_loops:figures",
    "dilated-windows": "looped:dilated_windows",
    "gpicl-learners": "gpicl:learners",
    "gpicl-learning-curve": "gpicl:learning_curve",
    "gpicl-phase-transition": "gpicl:phase_transition",
    "gpicl-width-and-tasks": "gpicl:width_and_tasks",
    "loop-extrapolation": "looped:loop_extrapolation",
    "loop-schedules": "looped:loop_schedules",
    "looped-layers": "looped:looped_layers",
    "loops-against-layers": "looped:loops_against_layers",
    "masked-state": "masked_state:figures",
    "probing": "probing:figures",
    "stage-by-stage": "one_study:figures",
    "time-to-quality": "time_to_quality:figures",
}

SettingValue = bool | int | float | str
Axes = dict[str, list[SettingValue]]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScaleChange(_Strict):
    """What a scale changes in a stage."""

    preset: str | None = None
    settings: dict[str, SettingValue] = Field(default_factory=dict)
    grid: Axes = Field(default_factory=dict)
    zip: Axes | None = None


class Stage(_Strict):
    """One study over a grid."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    study: str
    preset: str | None = None
    settings: dict[str, SettingValue] = Field(default_factory=dict)
    grid: Axes = Field(default_factory=dict)
    zip: Axes = Field(default_factory=dict)
    checkpoints: str | None = None
    only: list[Scale] = Field(default_factory=lambda: list(SCALES), min_length=1)
    scale: dict[Scale, ScaleChange] = Field(default_factory=dict)

    def at(self, scale: Scale | None) -> "Stage":
        """The stage with a scale's changes made."""
        change = self.scale.get(scale) if scale else None
        if change is None:
            return self
        return self.model_copy(
            update={
                "preset": change.preset or self.preset,
                "settings": {**self.settings, **change.settings},
                "grid": {**self.grid, **change.grid},
                "zip": self.zip if change.zip is None else change.zip,
            }
        )


class Recipe(_Strict):
    """A claim and the stages that regenerate it."""

    claim: str
    title: str
    figure: str | None = None
    stage: list[Stage] = Field(min_length=1)
    estimate: dict[Scale, str] = Field(default_factory=dict)


def read_recipe(path: Path) -> tuple[str, Recipe]:
    """A recipe's name (its folder's) and content; `path` is recipe.toml or its folder.

    Raises `InputError` when there is none, with the one that was perhaps meant, and `UsageError` naming file, stage and
    key.
    """
    if not path.exists():
        near = nearest_recipe(path)
        raise InputError(
            f"there is no recipe {path}; {f'did you mean {near}?' if near else 'icltool recipes lists them'}"
        )
    file = path / "recipe.toml" if path.is_dir() else path
    recipe = parse_recipe(read_toml(file), where=str(file))
    return file.resolve().parent.name, recipe


def nearest_recipe(path: Path) -> Path | None:
    """The path that a missing one comes near to, or the recipe of this checkout that has about its name."""
    return nearest_path(path) or nearest_path(FOLDER / path)


def parse_recipe(table: Mapping[str, object], *, where: str) -> Recipe:
    """A recipe from its table; raises `UsageError` for anything unknown, empty or out of order."""
    try:
        recipe = Recipe.model_validate(table)
    except ValidationError as error:
        detail = error.errors()[0]
        raise UsageError(f"{where}: {_place(detail['loc'], table)}{_reason(detail['type'], detail)}") from None
    _check_figure(recipe, where)
    _check_order(recipe, where)
    for stage in recipe.stage:
        for scale in (None, *stage.scale):
            _check_axes(stage.at(scale), f"{where}: stage {stage.name}" + (f", scale {scale}" if scale else ""))
    return recipe


def _check_figure(recipe: Recipe, where: str) -> None:
    """Before the runs, not after them."""
    known = sorted(FIGURES)
    if recipe.figure is not None and recipe.figure not in known:
        raise UsageError(f"{where}: there is no figure {recipe.figure[:60]!r}{suggestion(recipe.figure[:60], known)}")


def _check_order(recipe: Recipe, where: str) -> None:
    earlier: list[str] = []
    names = [stage.name for stage in recipe.stage]
    scales = {stage.name: stage.only for stage in recipe.stage}
    for stage in recipe.stage:
        if stage.name in earlier:
            raise UsageError(f"{where}: stage {stage.name}: two stages have this name; rename one")
        wanted = stage.checkpoints
        if wanted is not None and wanted not in earlier:
            if wanted == stage.name or wanted in names:
                raise UsageError(
                    f"{where}: stage {stage.name}: checkpoints = {wanted!r} is not an earlier stage (a circle or the "
                    "wrong order); put it before"
                )
            raise UsageError(f"{where}: stage {stage.name}: there is no stage {wanted!r}{suggestion(wanted, names)}")
        without = [scale for scale in stage.only if wanted is not None and scale not in scales[wanted]]
        if without:
            raise UsageError(
                f"{where}: stage {stage.name}: only: the stage {wanted!r}, whose checkpoints it takes, is not part of "
                f"the scale {without[0]}; remove {without[0]} here, or add it there"
            )
        earlier.append(stage.name)


def _check_axes(stage: Stage, where: str) -> None:
    for kind, axes in (("grid", stage.grid), ("zip", stage.zip)):
        for name, values in axes.items():
            if not values:
                raise UsageError(f"{where}: {kind}.{name} is empty; give at least one value")
    lengths = {name: len(values) for name, values in stage.zip.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise UsageError(f"{where}: the zipped axes differ in length ({shown})")
    twice = sorted(set(stage.grid) & set(stage.zip))
    if twice:
        raise UsageError(f"{where}: {twice[0]} is an axis of both grid and zip; keep one")


def _place(location: tuple[int | str, ...], table: Mapping[str, object]) -> str:
    """`stage train: settings: ` out of a path such as ("stage", 0, "settings")."""
    words: list[str] = []
    parts = list(location)
    if len(parts) > 1 and parts[0] == "stage" and isinstance(parts[1], int):
        stages = cast("list[object]", table.get("stage"))
        entry = stages[parts[1]] if parts[1] < len(stages) else None
        name = cast("dict[str, object]", entry).get("name") if isinstance(entry, dict) else None
        words.append(f"stage {name or parts[1] + 1}")
        parts = parts[2:]
    kept = [str(part) for part in parts if not re.fullmatch(r"bool|int|float|str|\d+", str(part))]
    if kept:
        words.append(".".join(kept))
    return "".join(f"{word}: " for word in words)


def _reason(kind: str, detail: Mapping[str, object]) -> str:
    if kind == "extra_forbidden":
        location = cast("tuple[int | str, ...]", detail["loc"])
        known = list(ScaleChange.model_fields if "scale" in location else Stage.model_fields)
        known = list(Recipe.model_fields) if len(location) == 1 else known
        return f"unknown key{suggestion(str(location[-1]), known)}"
    if kind == "missing":
        return "is required"
    if kind == "literal_error":
        word = str(detail["input"])[:60]
        return f"{word!r} is not a scale{suggestion(word, SCALES)}"
    return str(detail["msg"])
