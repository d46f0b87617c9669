"""Dilated loop windows compared (report 002): one training a dilation, everything else and every seed the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from icltool.core.config import config_hash
from icltool.regression.studies.train.config import TrainConfig
from icltool.sweep.plan import SweepPlan, plan_sweep
from icltool.sweep.recipe import Axes, Recipe, SettingValue, Stage

FIGURE = "dilated-windows"


def plan_dilations(
    dilations: Sequence[int], *, settings: Mapping[str, SettingValue], preset: str | None, folder: Path | None
) -> SweepPlan:
    """The trainings to compare. Where the loops grow, they start at T times the dilation, so that the window fits."""
    base = TrainConfig.create(settings, preset=preset, as_options=True)
    axes: Axes = {"dilation": list(dilations)}
    if base.loops_start is not None:
        axes["loops_start"] = [min(base.loops, base.window * dilation) for dilation in dilations]
    stage = Stage(name="train", study="train", preset=preset, settings={"threads": 1, **settings}, zip=axes)
    recipe = Recipe(claim="1h", title="Dilated loop windows", figure=FIGURE, stage=[stage])
    name = f"dilate-{config_hash({**settings, 'preset': preset, 'dilations': list(dilations)})}"
    return plan_sweep(name, recipe, scale=None, folder=folder or Path("runs") / "sweep" / name, where="icltool dilate")
