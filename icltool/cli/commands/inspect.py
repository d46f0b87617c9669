"""`icltool inspect`: what a checkpoint, a run folder or a result holds, without running anything."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from icltool.cli.signature import json_flag
from icltool.cli.stdio import expand_inputs, people, print_json
from icltool.core.table import as_text


def parameters() -> list[inspect.Parameter]:
    """Paths, and --json."""
    paths = typer.Argument(metavar="FILE", help="Checkpoints, run folders or results; - reads paths from stdin.")
    return [
        inspect.Parameter("files", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[list[str], paths]),
        json_flag("Print JSON on stdout, one object a line."),
    ]


def run(*, files: list[str], json: bool) -> None:
    """Print a table for each file on stderr, or JSON on stdout."""
    from icltool.report.inspection import describe

    console = people()
    for file in expand_inputs(files):
        facts = describe(Path(file))
        if json:
            print_json(facts)
            continue
        table = Table(title=escape(file), title_justify="left", show_header=False)
        table.add_column(style="bold")
        table.add_column()
        for section, value in facts.items():
            if isinstance(value, Mapping):
                table.add_section()
                for name, entry in value.items():
                    table.add_row(escape(f"{section}.{name}"), escape(as_text(entry)))
            else:
                table.add_row(escape(section), escape(as_text(value)))
        console.print(table)
