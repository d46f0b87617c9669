"""`icltool sweep RECIPE`: every run of a recipe at a scale, resumable, collected into one result and figure."""

import inspect
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from icltool.cli.printed_table import printed
from icltool.cli.signature import common_parameter, track_parameter
from icltool.cli.streams import people, print_json, print_path
from icltool.core.config import suggestion
from icltool.core.errors import IcltoolError, UsageError
from icltool.core.result import Result
from icltool.sweep.recipe import SCALES, Scale

if TYPE_CHECKING:
    from icltool.sweep.check import Comparison


def parameters() -> list[inspect.Parameter]:
    """The recipe, the scale, and how to run."""
    recipe = typer.Argument(metavar="RECIPE", help="A recipe's folder or its recipe.toml (icltool recipes lists them).")
    scale = typer.Option(
        "--scale",
        metavar="|".join(SCALES),
        help="Size: seconds, about an hour, the original.",
        autocompletion=_complete_scale,
    )
    jobs = typer.Option("--jobs", min=1, help="Runs at once; unset: as many as there are threads for.")
    out = typer.Option("--out", metavar="FOLDER", help="Where the sweep goes; unset: runs/sweep/RECIPE-SCALE.")
    return [
        inspect.Parameter("recipe", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Path, recipe]),
        common_parameter("scale", str, scale, default="smoke"),
        common_parameter("jobs", int | None, jobs),
        common_parameter("out", Path | None, out),
        *_engine_parameters(),
        track_parameter(),
        common_parameter(
            "dry_run", bool, typer.Option("--dry-run", help="List the runs and their cost."), default=False
        ),
        _flag("check", "Compare with the recipe's reference.json; exit 1 with a table of what moved."),
        _flag("record", "Write this scale's figures into the recipe's reference.json."),
        _flag("quiet", "Print nothing for people."),
        _flag("json", "Print one JSON object."),
    ]


def run(
    *,
    recipe: Path,
    scale: str,
    jobs: int | None,
    out: Path | None,
    engine: Literal["local", "ray"],
    cpus_per_run: float | None,
    gpus_per_run: float | None,
    address: str | None,
    track: str | None,
    dry_run: bool,
    check: bool,
    record: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Run the recipe, and print the path of its result."""
    from icltool.cli.grid_command import default_folder, print_plan, run_plan
    from icltool.sweep.check import compare, recorded_scale
    from icltool.sweep.engines import EngineChoice
    from icltool.sweep.plan import plan_sweep
    from icltool.sweep.recipe import read_recipe
    from icltool.sweep.record import record as write_record
    from icltool.sweep.record import reference_file

    chosen = _scale(scale)
    _refuse_contradictions(check=check, record=record, dry_run=dry_run)
    choice = EngineChoice(
        engine=engine, jobs=jobs, cpus_per_run=cpus_per_run, gpus_per_run=gpus_per_run, address=address
    )
    name, content = read_recipe(recipe)
    folder = out or default_folder(f"{name}-{chosen}")
    plan = plan_sweep(name, content, scale=chosen, folder=folder, where=str(recipe))
    console = people()
    if dry_run:
        print_plan(plan, console)
        return
    reference = reference_file(recipe)
    # Before hours of runs, not after them.
    recorded = recorded_scale(reference, chosen) if check else None
    result = run_plan(plan, choice=choice, track=track, quiet=quiet, console=console)
    comparison = compare(result, recorded) if recorded else None
    if record:
        write_record(result, scale=chosen, file=reference)
        _say(f"recorded: {reference}", quiet=quiet)
    _print_result(result, comparison, as_json=json)
    if comparison:
        _judge(comparison, file=reference, quiet=quiet)


def _engine_parameters() -> list[inspect.Parameter]:
    """Where the runs are run."""
    engine = typer.Option("--engine", help="Processes of this machine, or Ray (extra: ray).")
    cpus = typer.Option("--cpus-per-run", min=0, help="Ray: CPUs set aside for a run; unset: its threads.")
    gpus = typer.Option("--gpus-per-run", min=0, help="Ray: GPUs set aside for a run; unset: none.")
    address = typer.Option(
        "--address", metavar="HOST:PORT", help="Ray: the cluster (auto: this machine's); unset: a Ray of its own."
    )
    return [
        common_parameter("engine", Literal["local", "ray"], engine, default="local"),
        common_parameter("cpus_per_run", float | None, cpus),
        common_parameter("gpus_per_run", float | None, gpus),
        common_parameter("address", str | None, address),
    ]


def _complete_scale(incomplete: str) -> list[str]:
    return [scale for scale in SCALES if scale.startswith(incomplete)]


def _scale(text: str) -> Scale:
    for scale in SCALES:
        if scale == text:
            return scale
    raise UsageError(f"--scale: {text!r} is no scale{suggestion(text, SCALES)}")


def _refuse_contradictions(*, check: bool, record: bool, dry_run: bool) -> None:
    if check and record:
        raise UsageError("--check compares with the record and --record replaces it; choose one of them")
    if dry_run and (check or record):
        raise UsageError(
            f"--dry-run runs nothing, so there is nothing to {'check' if check else 'record'}; leave it out"
        )


def _print_result(result: Result, comparison: "Comparison | None", *, as_json: bool) -> None:
    if not as_json:
        print_path(result.path)
        return
    table: dict[str, object] = {
        "kind": "sweep",
        "run": str(result.run),
        "result": str(result.path),
        "summary": dict(result.summary),
    }
    if comparison is not None:
        table["compared"] = comparison.compared
        table["moved"] = [asdict(difference) for difference in comparison.differences]
    print_json(table)


def _judge(comparison: "Comparison", *, file: Path, quiet: bool) -> None:
    """Say that all is as recorded, or show what moved and raise `IcltoolError`."""
    if not comparison.differences:
        _say(f"all {comparison.compared} figures are as recorded in {file}", quiet=quiet)
        return
    from icltool.sweep.check import differences_table

    if not quiet:
        people().print(printed(differences_table(comparison), texts=3))
    raise IcltoolError(
        f"{len(comparison.differences)} of {comparison.compared} figures are not as recorded in {file}; find out why, "
        "or record the new ones with --record"
    )


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        people().print(text, markup=False)


def _flag(name: str, help_text: str) -> inspect.Parameter:
    option = typer.Option(f"--{name.replace('_', '-')}", help=help_text)
    return common_parameter(name, bool, option, default=False)
