"""The runs of a recipe at a scale, or of comma lists on the command line: every one validated, named and placed before
the first begins.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path

from icltool.core.config import Config, config_hash, option_name, suggestion
from icltool.core.errors import UsageError
from icltool.core.run_folder import safe_name
from icltool.core.study import Cost, Study
from icltool.regression.studies.train.config import TrainConfig
from icltool.studies import STUDIES, find_study, study_named
from icltool.sweep.recipe import Axes, Recipe, Scale, SettingValue, Stage

Settings = dict[str, SettingValue]
# A stage of more than this is a mistake, and would take minutes to plan.
MAX_RUNS = 10_000
FIGURE = "dilated-windows"


def count_cells(grid: Mapping[str, Sequence[SettingValue]], zipped: Mapping[str, Sequence[SettingValue]]) -> int:
    """How many runs `expand` would make."""
    return prod(len(values) for values in grid.values()) * min((len(values) for values in zipped.values()), default=1)


def expand(grid: Mapping[str, Sequence[SettingValue]], zipped: Mapping[str, Sequence[SettingValue]]) -> list[Settings]:
    """The settings of each run: the zipped axes together, and every value of each grid axis with every other.

    The last grid axis changes fastest. No axes at all: one run without extra settings.
    """
    together = [dict(zip(zipped, values, strict=True)) for values in zip(*zipped.values(), strict=True)] or [{}]
    apart = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return [{**row, **cell} for row in together for cell in apart]


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run: its study's config, its folder, what varies in it, and the run whose checkpoint it takes."""

    stage: str
    study: str
    config: Config
    varied: Settings
    folder: Path
    source: "PlannedRun | None" = None

    @property
    def name(self) -> str:
        """What progress lines and tables call the run."""
        return f"{self.stage}/{self.folder.name}"

    @property
    def turn(self) -> int:
        """How many runs must be done before this one: its source, the source's own and so on."""
        return 0 if self.source is None else 1 + self.source.turn

    @property
    def has_result(self) -> bool:
        """Whether its folder holds a result, of this run or of another."""
        return (self.folder / "result.json").exists()

    @property
    def cost(self) -> Cost:
        """What the run will take, as far as its study can tell."""
        return study_named(self.study).cost(self.config, model=self.source.config if self.source else None)


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """A recipe at a scale as runs, stage by stage."""

    name: str
    recipe: Recipe
    scale: Scale | None
    folder: Path
    stages: Sequence[Sequence[PlannedRun]]

    @property
    def runs(self) -> list[PlannedRun]:
        """All the runs, in order."""
        return [run for stage in self.stages for run in stage]

    @property
    def turns(self) -> list[list[PlannedRun]]:
        """All the runs, in order, by what must be done before them: those of a turn can run at once."""
        turns = sorted({run.turn for run in self.runs})
        return [[run for run in self.runs if run.turn == turn] for turn in turns]


def plan_sweep(name: str, recipe: Recipe, *, scale: Scale | None, folder: Path, where: str) -> SweepPlan:
    """Expand and validate every run; raises `UsageError` naming file, stage and key at the first that is wrong."""
    planned: dict[str, list[PlannedRun]] = {}
    for declared in recipe.stage:
        if scale is not None and scale not in declared.only:
            continue
        stage = declared.at(scale)
        sources = planned[stage.checkpoints] if stage.checkpoints else [None]
        _require_few(len(sources) * count_cells(stage.grid, stage.zip), f"{where}: stage {stage.name}")
        planned[stage.name] = [
            _plan_run(stage, cell, source, folder=folder, where=f"{where}: stage {stage.name}")
            for source in sources
            for cell in expand(stage.grid, stage.zip)
        ]
        _refuse_twins(planned[stage.name], f"{where}: stage {stage.name}")
    return SweepPlan(name=name, recipe=recipe, scale=scale, folder=folder, stages=list(planned.values()))


def default_folder(name: str) -> Path:
    """Where a sweep goes by default."""
    return Path("runs") / "sweep" / name


def _plan_run(stage: Stage, cell: Settings, source: PlannedRun | None, *, folder: Path, where: str) -> PlannedRun:
    study = _study(stage.study, where)
    config_class = study.config()
    settings: dict[str, object] = {**stage.settings, **cell}
    argument = config_class.argument()
    if source is not None:
        if argument is None:
            raise UsageError(f"{where}: the study {stage.study} takes no checkpoint; remove checkpoints")
        settings[argument] = str(source.folder)
    config = config_class.create(settings, preset=stage.preset, where=where)
    typed = {key: value for key, value in config.model_dump(mode="json").items() if key in cell}
    varied: Settings = {**(source.varied if source else {}), **typed}
    own = _cell_name(cell)
    parts = [part for part in (source.folder.name if source else "", own) if part]
    return PlannedRun(
        stage=stage.name,
        study=stage.study,
        config=config,
        varied=varied,
        folder=folder / stage.name / ("_".join(parts) or "run"),
        source=source,
    )


def _cell_name(cell: Settings) -> str:
    """`L-2-b-4-seed-0`; long ones are cut and told apart by a hash."""
    words = "-".join(f"{key}-{value}" for key, value in cell.items())
    readable = safe_name(words) if words else ""
    return readable if readable == words or not words else f"{readable[:60]}-{config_hash(cell)}"


def _study(name: str, where: str) -> Study:
    study = find_study(name)
    if study is not None:
        return study
    raise UsageError(f"{where}: there is no study {name!r}{suggestion(name, [study.name for study in STUDIES])}")


def _require_few(runs: int, where: str) -> None:
    if runs > MAX_RUNS:
        raise UsageError(f"{where}: its grid makes {runs} runs, and a stage has at most {MAX_RUNS}; give fewer values")


def _refuse_twins(runs: Sequence[PlannedRun], where: str) -> None:
    for folder, times in Counter(run.folder for run in runs).items():
        if times > 1:
            raise UsageError(f"{where}: {folder.name} stands twice in the grid; remove one")


def spelled(varied: Settings) -> str:
    """The varied settings as options: `--L 2 --seed 0`."""
    return " ".join(f"{option_name(key)} {value}" for key, value in varied.items())


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
    config_class = study.config()
    argument = config_class.argument()
    grid: Axes = {name: list(values) for name, values in axes.items()}
    if argument is not None and inputs:
        grid = {argument: list(inputs), **grid}
    base = dict(settings)
    if "threads" in config_class.model_fields and "threads" not in grid:
        base.setdefault("threads", 1)
    stage = Stage(name=study.name, study=study.name, preset=preset, settings=base, grid=grid)
    title = f"{study.name} over {', '.join(axes)}"
    recipe = Recipe(claim="", title=title, stage=[stage])
    name = f"{study.name}-{config_hash({**base, 'preset': preset, 'grid': grid})}"
    return plan_sweep(name, recipe, scale=None, folder=folder or default_folder(name), where=f"icltool {study.name}")


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
    return plan_sweep(name, recipe, scale=None, folder=folder or default_folder(name), where="icltool dilate")
