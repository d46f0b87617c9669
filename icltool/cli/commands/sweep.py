"""`icltool sweep RECIPE`: every run of a recipe at a scale, resumable, collected into one result and figure."""

import inspect
from pathlib import Path
from typing import Annotated

import typer

from icltool.cli.signature import common_parameter
from icltool.cli.streams import people, print_json, print_path
from icltool.core.config import suggestion
from icltool.core.errors import UsageError

PANEL = "Run"


def parameters() -> list[inspect.Parameter]:
    """The recipe, the scale, and how to run."""
    recipe = typer.Argument(metavar="RECIPE", help="A recipe's folder or its recipe.toml (icltool recipes lists them).")
    scale = typer.Option("--scale", metavar="smoke|cpu|paper", help="Size: seconds, about an hour, the original.")
    jobs = typer.Option("--jobs", min=1, help="Runs at once; unset: as many as there are threads for.")
    out = typer.Option("--out", metavar="FOLDER", help="Where the sweep goes; unset: runs/sweep/RECIPE-SCALE.")
    return [
        inspect.Parameter("recipe", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Path, recipe]),
        common_parameter("scale", str, scale, default="smoke"),
        common_parameter("jobs", int | None, jobs),
        common_parameter("out", Path | None, out),
        common_parameter(
            "dry_run", bool, typer.Option("--dry-run", help="List the runs and their cost."), default=False
        ),
        _flag("quiet", "Print nothing for people."),
        _flag("json", "Print one JSON object."),
    ]


def run(
    *, recipe: Path, scale: str, jobs: int | None, out: Path | None, dry_run: bool, quiet: bool, json: bool
) -> None:
    """Run the recipe, and print the path of its result."""
    from icltool.cli.grid_command import default_folder, print_plan, run_plan
    from icltool.sweep.plan import plan_sweep
    from icltool.sweep.recipe import SCALES, read_recipe

    if scale not in SCALES:
        raise UsageError(f"--scale: {scale!r} is no scale{suggestion(scale, SCALES)}")
    name, content = read_recipe(recipe)
    folder = out or default_folder(f"{name}-{scale}")
    plan = plan_sweep(name, content, scale=scale, folder=folder, where=str(recipe))
    console = people()
    if dry_run:
        print_plan(plan, console)
        return
    result = run_plan(plan, jobs=jobs, quiet=quiet, console=console)
    if json:
        print_json(
            {"kind": "sweep", "run": str(result.run), "result": str(result.path), "summary": dict(result.summary)}
        )
    else:
        print_path(result.path)


def _flag(name: str, help_text: str) -> inspect.Parameter:
    option = typer.Option(f"--{name.replace('_', '-')}", help=help_text)
    return common_parameter(name, bool, option, default=False)
