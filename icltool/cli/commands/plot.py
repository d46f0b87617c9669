"""`icltool plot`: draws results. Those of one kind share a figure; all images come from one start of the browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from icltool.cli.signature import Json, Quiet, path_option
from icltool.cli.stdio import expand_inputs, people, print_json, print_path
from icltool.core.config import suggestion
from icltool.core.errors import UsageError
from icltool.core.result import Result, load_result
from icltool.core.table import counted

# Those of `icltool.figures.export`, repeated here because importing that module loads plotly.
FORMATS = ("html", "svg", "png", "pdf")


def _complete_format(incomplete: str) -> list[str]:
    """The formats that may come next in a comma list, each after those that are given already."""
    done, comma, last = incomplete.rpartition(",")
    return [f"{done}{comma}{name}" for name in FORMATS if name.startswith(last) and name not in done.split(",")]


def run(
    *,
    results: Annotated[
        list[str],
        typer.Argument(metavar="RESULT", help="result.json files, run folders or checkpoints; - reads stdin."),
    ],
    formats: Annotated[
        str,
        typer.Option("--format", metavar="LIST", help=f"Any of {','.join(FORMATS)}.", autocompletion=_complete_format),
    ] = "html",
    out: Annotated[
        Path | None,
        path_option("out", metavar="FOLDER", help="Where to write; unset: the run folder, or plots/ for several."),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Draw, write, and print each file's path."""
    from icltool.sweep.plotting import plot_results

    wanted = _formats(formats)
    loaded = [_load(Path(path)) for path in expand_inputs(results)]
    folder = out or (loaded[0].run if len({result.run for result in loaded}) == 1 else Path("plots"))
    files = plot_results(loaded, formats=wanted, folder=folder)
    if not quiet:
        people().print(f"drew {counted(len(loaded), 'result')} into {counted(len(files), 'file')}", markup=False)
    if json:
        print_json({"kind": "plot", "files": [str(file) for file in files]})
    else:
        for file in files:
            print_path(file)


def _load(path: Path) -> Result:
    """The result at a path; for a checkpoint, which `icltool train` prints, the result beside it."""
    return load_result(path.parent if path.suffix == ".safetensors" else path)


def _formats(text: str) -> Sequence[str]:
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    for word in wanted:
        if word not in FORMATS:
            raise UsageError(f"--format: {word!r} is not a format{suggestion(word, FORMATS)}")
    if not wanted:
        raise UsageError("--format: give at least one of " + ",".join(FORMATS))
    return list(dict.fromkeys(wanted))
