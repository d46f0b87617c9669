"""`icltool sweep RECIPE`: every run of a recipe at a scale, resumable, collected into one result and figure."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from icltool.cli.printed_table import printed
from icltool.cli.signature import Json, Quiet, Track, completion_of, flag, path_option
from icltool.cli.stdio import people, print_result
from icltool.core.config import suggestion
from icltool.core.errors import IcltoolError, UsageError
from icltool.sweep.recipe import FOLDER, SCALES, Scale

if TYPE_CHECKING:
    from icltool.sweep.check import Comparison

Engine = Literal["local", "ray"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
ENGINE, RECORD = "Engine", "Record"


def _set_aside(what: str, *, unset: str) -> Any:  # noqa: ANN401 - as `typer.Option`
    return typer.Option(
        f"--{what.lower()}-per-run",
        metavar="NUMBER",
        min=0,
        help=f"Ray: {what} set aside for a run; unset: {unset}.",
        rich_help_panel=ENGINE,
    )


def _complete_recipe(incomplete: str) -> list[str]:
    """The recipes of this checkout; where none fits, the shell completes file names."""
    return completion_of(sorted(str(file.parent) for file in FOLDER.glob("*/recipe.toml")))(incomplete)


def run(
    *,
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE",
            help="A recipe's folder or its recipe.toml (icltool recipes lists them).",
            autocompletion=_complete_recipe,
        ),
    ],
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            metavar="|".join(SCALES),
            help="Size: seconds, about an hour, the original.",
            autocompletion=completion_of(SCALES),
        ),
    ] = "smoke",
    dry_run: Annotated[bool, flag("dry-run", "List the runs and their cost.", panel="Options")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            metavar="INT",
            min=1,
            help="Runs at once; unset: as many as there are threads for.",
            rich_help_panel=ENGINE,
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar="|".join(ENGINES),
            help="Processes of this machine, or Ray (extra: ray).",
            rich_help_panel=ENGINE,
            autocompletion=completion_of(ENGINES),
        ),
    ] = "local",
    cpus_per_run: Annotated[float | None, _set_aside("CPUs", unset="its threads")] = None,
    gpus_per_run: Annotated[float | None, _set_aside("GPUs", unset="none")] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="Ray: the cluster (auto: this machine's); unset: a Ray of its own.",
            rich_help_panel=ENGINE,
        ),
    ] = None,
    check: Annotated[
        bool,
        flag("check", "Compare with the recipe's reference.json; exit 1 with a table of what moved.", panel=RECORD),
    ] = False,
    record: Annotated[
        bool, flag("record", "Write this scale's numbers into the recipe's reference.json.", panel=RECORD)
    ] = False,
    out: Annotated[
        Path | None,
        path_option("out", metavar="FOLDER", help="Where the sweep goes; unset: runs/sweep/RECIPE-SCALE."),
    ] = None,
    track: Track = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run the recipe, and print the path of its result."""
    from icltool.sweep.engines.choice import EngineChoice
    from icltool.sweep.plan import default_folder, plan_sweep
    from icltool.sweep.recipe import read_recipe

    chosen = _scale(scale)
    _refuse_contradictions(check=check, record=record, dry_run=dry_run)
    choice = EngineChoice(
        engine=_engine(engine), jobs=jobs, cpus_per_run=cpus_per_run, gpus_per_run=gpus_per_run, address=address
    )
    name, content = read_recipe(recipe)
    folder = out or default_folder(f"{name}-{chosen}")
    plan = plan_sweep(name, content, scale=chosen, folder=folder, where=str(recipe))
    console = people()
    if dry_run:
        from icltool.cli.dry_run import print_plan

        print_plan(plan, console)
        return
    from icltool.cli.grid_command import run_plan
    from icltool.sweep.check import compare, recorded_scale
    from icltool.sweep.record import record as write_record
    from icltool.sweep.record import reference_file

    reference = reference_file(recipe)
    # A missing record is found before hours of runs, not after them.
    recorded = recorded_scale(reference, chosen) if check else None
    result = run_plan(plan, choice=choice, track=track, quiet=quiet, console=console)
    comparison = compare(result, recorded) if recorded else None
    if record:
        write_record(result, scale=chosen, file=reference)
        _say(f"recorded: {reference}", quiet=quiet)
    print_result(result, result.path, as_json=json, more=_compared(comparison) if comparison else {})
    if comparison:
        _judge(comparison, file=reference, quiet=quiet)


def _scale(text: str) -> Scale:
    for scale in SCALES:
        if scale == text:
            return scale
    raise UsageError(f"--scale: {text!r} is not a scale{suggestion(text, SCALES)}")


def _engine(text: str) -> Engine:
    for engine in ENGINES:
        if engine == text:
            return engine
    raise UsageError(f"--engine: {text!r} is not an engine{suggestion(text, ENGINES)}")


def _refuse_contradictions(*, check: bool, record: bool, dry_run: bool) -> None:
    if check and record:
        raise UsageError("--check compares with the record and --record replaces it; choose one of them")
    if dry_run and (check or record):
        raise UsageError(
            f"--dry-run runs nothing, so there is nothing to {'check' if check else 'record'}; leave it out"
        )


def _compared(comparison: "Comparison") -> dict[str, object]:
    """What a comparison adds to the sweep's JSON."""
    moved = [asdict(difference) for difference in comparison.differences]
    return {"compared": comparison.compared, "moved": moved}


def _judge(comparison: "Comparison", *, file: Path, quiet: bool) -> None:
    """Say that every figure is as recorded, or show which ones moved and raise `IcltoolError`."""
    if not comparison.differences:
        _say(f"all {comparison.compared} numbers are as recorded in {file}", quiet=quiet)
        return
    from icltool.sweep.check import differences_table

    if not quiet:
        people().print(printed(differences_table(comparison), texts=3))
    raise IcltoolError(
        f"{len(comparison.differences)} of {comparison.compared} numbers are not as recorded in {file}; find out why, "
        "or record the new ones with --record"
    )


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        people().print(text, markup=False)
