"""A comma list on the command line as a sweep: one stage, one study, no file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from icltool.core.config import config_hash, traits_of
from icltool.core.study import Study
from icltool.sweep.plan import SweepPlan, plan_sweep
from icltool.sweep.recipe import Axes, Recipe, SettingValue, Stage


def plan_grid(
    study: Study,
    *,
    settings: Mapping[str, SettingValue],
    axes: Mapping[str, Sequence[SettingValue]],
    inputs: Sequence[str],
    preset: str | None,
    folder: Path | None,
) -> SweepPlan:
    """The runs of a study for every combination of the axes (and every input path).

    Without a number of threads each run has one, so that several share the machine and the numbers do not depend on it.
    """
    fields = study.config().model_fields
    argument = next((name for name, field in fields.items() if traits_of(field).argument), None)
    grid: Axes = {name: list(values) for name, values in axes.items()}
    if argument is not None and inputs:
        grid = {argument: list(inputs), **grid}
    base = dict(settings)
    if "threads" in fields and "threads" not in grid:
        base.setdefault("threads", 1)
    stage = Stage(name=study.name, study=study.name, preset=preset, settings=base, grid=grid)
    title = f"{study.name} over {', '.join(axes)}"
    recipe = Recipe(claim="", title=title, stage=[stage])
    name = f"{study.name}-{config_hash({**base, 'preset': preset, 'grid': grid})}"
    return plan_sweep(
        name, recipe, scale=None, folder=folder or Path("runs") / "sweep" / name, where=f"icltool {study.name}"
    )
