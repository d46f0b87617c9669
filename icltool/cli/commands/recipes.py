"""`icltool recipes`: the recipes at hand, with claim, title and the time each scale takes."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icltool.cli.printed_table import printed
from icltool.cli.signature import flag
from icltool.cli.stdio import people, print_json, print_path
from icltool.core.errors import InputError
from icltool.core.table import Table, counted
from icltool.sweep.recipe import FOLDER

if TYPE_CHECKING:
    from icltool.sweep.cost import Duration


def run(
    *,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of recipes.")] = FOLDER,
    json: Annotated[bool, flag("json", "Print JSON, one recipe a line.")] = False,
) -> None:
    """A table on stderr, the recipes' paths (or JSON) on stdout."""
    from icltool.sweep.cost import durations
    from icltool.sweep.recipe import SCALES, read_recipe
    from icltool.sweep.record import read_reference, reference_file

    files = sorted(folder.glob("*/recipe.toml"))
    if not files:
        raise InputError(f"there is no recipe in {folder} (FOLDER/NAME/recipe.toml); run from a checkout or name one")
    rows: list[tuple[str, ...]] = []
    for file in files:
        name, recipe = read_recipe(file)
        found = durations(name, recipe, reference=read_reference(reference_file(file)), where=str(file))
        rows.append((recipe.claim, f"{name}\n{recipe.title}", *(_cell(found[scale]) for scale in SCALES)))
        if json:
            scales = {scale: asdict(found[scale]) for scale in SCALES}
            print_json({"recipe": str(file.parent), "claim": recipe.claim, "title": recipe.title, "scales": scales})
        else:
            print_path(file.parent)
    columns = ("claim", "recipe, and what it shows", *SCALES)
    people().print(printed(Table(title=f"Recipes in {folder}", columns=columns, rows=sorted(rows)), texts=2))
    people().print(
        "Runs, and one core's time: as recorded; with ~ scaled by operations from what is recorded.", markup=False
    )


def _cell(duration: "Duration") -> str:
    """`12 runs` and, on the next line, the time where it is known."""
    from icltool.sweep.cost import spoken

    runs = counted(duration.runs, "run")
    if duration.seconds is None:
        return f"{runs}\n{duration.text}".strip()
    return f"{runs}\n{'~' if duration.how == 'scaled' else ''}{spoken(duration.seconds)}"
