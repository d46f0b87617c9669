"""`icltool report`: runs and recipes as one HTML page to read, send and print."""

from pathlib import Path
from typing import Annotated

import typer

from icltool.cli.signature import Json, Quiet, path_option
from icltool.cli.stdio import expand_inputs, people, print_json, print_path
from icltool.core.errors import UsageError
from icltool.core.table import counted

NAME = "report.html"


def run(
    *,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_OR_RECIPE",
            help="Run and sweep folders, result.json files, checkpoints or recipe folders; - reads stdin.",
        ),
    ],
    out: Annotated[
        Path | None,
        path_option(
            "out",
            metavar="FILE.html",
            help="The page; unset: report.html in the run folder, or here for several; of a recipe report-NAME.html.",
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write the page and print its path."""
    from icltool.report.inputs import sections_of
    from icltool.report.page import write_page

    paths = [Path(path) for path in expand_inputs(inputs)]
    _refuse_folder(out)
    sections = sections_of(paths)
    page = write_page(sections, out or _default(paths))
    if not quiet:
        figures = sum(len(section.figures) + section.drawings for section in sections)
        people().print(f"reported {counted(len(paths), 'input')} with {counted(figures, 'figure')}", markup=False)
        for section in sections:
            for warning in section.warnings:
                people().print(f"warning: {section.title}: {warning}", markup=False)
    if json:
        print_json({"kind": "report", "files": [str(page)]})
    else:
        print_path(page)


def _refuse_folder(out: Path | None) -> None:
    if out is not None and out.is_dir():
        raise UsageError(f"--out {out} is a folder; name the page in it, such as {out / NAME}")


def _default(paths: list[Path]) -> Path:
    """Beside a single run; in the current folder for several, and for a recipe, whose folder holds only records."""
    from icltool.report.inputs import is_recipe

    if len(paths) > 1 or is_recipe(paths[0]):
        return Path(NAME) if len(paths) > 1 else Path(f"report-{_recipe_name(paths[0])}.html")
    return (paths[0] if paths[0].is_dir() else paths[0].parent) / NAME


def _recipe_name(path: Path) -> str:
    folder = path.absolute()
    return (folder if folder.is_dir() else folder.parent).name
