"""A planned sweep for the command line: run, figure, tables. The command `sweep` and comma lists share it."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from icltool.cli.printed_table import printed
from icltool.cli.sweep_progress import sweep_progress
from icltool.core.errors import OutputError
from icltool.core.result import Result
from icltool.core.table import number
from icltool.sweep.collect import AGGREGATE
from icltool.sweep.engines import EngineChoice, chosen_engine
from icltool.sweep.execute import SweepFailedError, execute
from icltool.sweep.plan import SweepPlan
from icltool.sweep.tables import aggregates_table, failures_table

# Columns of the printed table: the measures every study summarises for people first.
MOST_MEASURES = 3


def run_plan(
    plan: SweepPlan,
    *,
    choice: EngineChoice | None = None,
    track: str | None = None,
    quiet: bool,
    console: Console,
) -> Result:
    """Execute the plan and show what came out; raises `SweepFailedError` last, after everything is shown."""
    failure: SweepFailedError | None = None
    with (
        chosen_engine(choice or EngineChoice(), plan) as (engine, at_once),
        sweep_progress(console, quiet=quiet) as watcher,
    ):
        try:
            result = execute(plan, at_once=at_once, watcher=watcher, engine=engine, track=track)
        except SweepFailedError as error:
            failure, result = error, error.result
    if result.summary["runs"] != result.summary["failed"]:
        figure = _write_figure(result, console)
        if figure is not None and not quiet:
            console.print(f"figure: {figure}", markup=False)
    if not quiet:
        _print_aggregates(result, console)
        console.print(f"result: {result.path}", markup=False)
    if failure is not None:
        if not quiet:
            console.print(printed(failures_table(result), texts=3))
        raise failure
    return result


def print_plan(plan: SweepPlan, console: Console) -> None:
    """The runs of a plan with their cost, without running anything."""
    from icltool.studies.registry import study_named

    table = Table(title=f"{plan.name}: {len(plan.runs)} runs", title_justify="left")
    for column in ("run", "study", "steps", "PFLOP"):
        table.add_column(column, justify="left" if column in {"run", "study"} else "right")
    total = 0.0
    for run in plan.runs:
        flops = study_named(run.study).flops(run.config, model=run.source.config if run.source else None)
        total += flops or 0.0
        steps = run.config.model_dump().get("steps")
        table.add_row(run.name, run.study, number(steps), number(flops / 1e15 if flops else None))
    table.add_section()
    table.add_row("total", "", "", number(total / 1e15))
    console.print(table)


def _write_figure(result: Result, console: Console) -> Path | None:
    from icltool.figures.export import write_html
    from icltool.sweep.plotting import sweep_figures

    try:
        return write_html(sweep_figures(result), result.run / "figure.html", title=f"icltool: {result.label}")
    except OutputError as error:
        console.print(f"warning: {error}", markup=False)
        return None


def _print_aggregates(result: Result, console: Console) -> None:
    """A table a stage: their measures are not the same."""
    for stage in dict.fromkeys(str(row["stage"]) for row in result.select(table=AGGREGATE)):
        table = aggregates_table(result, stage=stage, most=MOST_MEASURES)
        console.print(printed(table, texts=table.columns.index("runs") + 1))


def default_folder(name: str) -> Path:
    """Where a sweep goes without --out."""
    return Path("runs") / "sweep" / name
