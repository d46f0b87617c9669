"""`icltool inspect`: what a checkpoint, a run folder or a result holds, without running anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from icltool.cli.signature import flag
from icltool.cli.stdio import expand_inputs, people, print_json
from icltool.core.table import as_text


def run(
    *,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Checkpoints, run folders or results; - reads paths from stdin."),
    ],
    json: Annotated[bool, flag("json", "Print JSON on stdout, one object a line.")] = False,
) -> None:
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
