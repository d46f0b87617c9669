"""A recipe as a section: its page, its recorded figure and numbers, the sizes it comes in, and the commands."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from icltool.core.table import Table, as_text, banded
from icltool.report.markdown import picture_as_data, to_html
from icltool.report.run_sections import facts_of
from icltool.report.section import Fact, Section
from icltool.sweep.plan import plan_sweep
from icltool.sweep.recipe import SCALES, Recipe, read_recipe
from icltool.sweep.record import RecordedMeans, Reference, ScaleRecord, read_reference, reference_file

PAGE, PICTURES = "README.md", "figure*.svg"


def recipe_section(path: Path) -> Section:
    """The section of a recipe's folder or recipe.toml; raises `UsageError` or `InputError` where it is malformed."""
    folder = path if path.is_dir() else path.parent
    name, recipe = read_recipe(path)
    reference = read_reference(reference_file(path))
    prose = to_html(folder / PAGE) if (folder / PAGE).exists() else ""
    pictures = [picture_as_data(file) for file in sorted(folder.glob(PICTURES))]
    scales = reference.scales if reference else {}
    return Section(
        title=recipe.title,
        kind="recipe",
        lead=f"Claim {recipe.claim}, the recipe {name}.",
        path=str(folder),
        prose=prose,
        # A figure that the page itself shows stands in its own place there.
        pictures=[picture for picture in pictures if picture not in prose],
        drawings=len(pictures),
        tables=[
            _sizes(name, recipe, reference, where=str(path)),
            *(table for scale, content in scales.items() for table in recorded_tables(content, scale=scale)),
        ],
        machine=[fact for scale, content in scales.items() for fact in _machine(content, scale=scale)],
        commands=[shlex.join(["icltool", "sweep", f"recipes/{name}", "--scale", scale]) for scale in SCALES],
        warnings=[] if scales else ["nothing is recorded of this recipe yet (icltool sweep RECIPE --record)"],
    )


def recorded_tables(content: ScaleRecord, *, scale: str) -> list[Table]:
    """The recorded means with their bands, a table a stage."""
    stages = dict.fromkeys(group.stage for group in content.figures)
    return [
        _recorded(stage, [group for group in content.figures if group.stage == stage], scale=scale) for stage in stages
    ]


def _recorded(stage: str, groups: Sequence[RecordedMeans], *, scale: str) -> Table:
    keys = list(dict.fromkeys(key for group in groups for key in group.settings))
    measures = list(dict.fromkeys(measure for group in groups for measure in group.measures))
    return Table(
        title=f"Recorded at the scale {scale}: {stage}",
        columns=[name.replace("_", " ") for name in (*keys, "runs", *measures)],
        rows=[
            [
                *(as_text(group.settings.get(key)) for key in keys),
                str(group.runs),
                *(_band(group, measure) for measure in measures),
            ]
            for group in groups
        ],
    )


def _band(group: RecordedMeans, measure: str) -> str:
    if measure not in group.measures:
        return "-"
    mean, low, high = group.measures[measure]
    return as_text(mean) if group.runs == 1 else banded(mean, low, high)


def _sizes(name: str, recipe: Recipe, reference: Reference | None, *, where: str) -> Table:
    rows: list[list[str]] = []
    for scale in SCALES:
        plan = plan_sweep(name, recipe, scale=scale, folder=Path(name), where=where)
        recorded = reference is not None and scale in reference.scales
        stages = ", ".join(f"{len(stage)} {stage[0].stage}" for stage in plan.stages if stage)
        rows.append([scale, str(len(plan.runs)), "yes" if recorded else "no", stages])
    return Table(title="Scales", columns=("scale", "runs", "recorded", "stages"), rows=rows)


def _machine(content: ScaleRecord, *, scale: str) -> list[Fact]:
    facts = facts_of(content.machine)
    return [Fact(name=f"{scale}: {fact.name}", value=fact.value) for fact in facts]
