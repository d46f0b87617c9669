"""`icltool recipes`: the recipes at hand, with claim, title and the time each scale takes."""

import inspect
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from icltool.cli.signature import common_parameter
from icltool.cli.streams import people, print_json, print_path
from icltool.core.errors import InputError


def parameters() -> list[inspect.Parameter]:
    """Where to look."""
    folder = typer.Argument(metavar="FOLDER", help="The folder of recipes.")
    return [
        inspect.Parameter(
            "folder", inspect.Parameter.KEYWORD_ONLY, default=Path("recipes"), annotation=Annotated[Path, folder]
        ),
        common_parameter("json", bool, typer.Option("--json", help="Print JSON, one recipe a line."), default=False),
    ]


def run(*, folder: Path, json: bool) -> None:
    """A table on stderr, the recipes' paths (or JSON) on stdout."""
    from icltool.sweep.recipe import SCALES, read_recipe

    files = sorted(folder.glob("*/recipe.toml"))
    if not files:
        raise InputError(f"there is no recipe in {folder} (FOLDER/NAME/recipe.toml); run from a checkout or name one")
    table = Table(title=f"Recipes in {folder}", title_justify="left")
    for column in ("claim", "recipe", "what it shows", *SCALES):
        table.add_column(column)
    for file in files:
        name, recipe = read_recipe(file)
        times = [recipe.estimate.get(scale, "-") for scale in SCALES]
        table.add_row(recipe.claim, name, recipe.title, *times)
        if json:
            print_json({"recipe": str(file.parent), "claim": recipe.claim, "title": recipe.title, **recipe.estimate})
        else:
            print_path(file.parent)
    people().print(table)
