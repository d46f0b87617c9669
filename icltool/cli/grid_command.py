"""A planned sweep for the command line: run, figure, tables. The command `sweep` and comma lists share it."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from icltool.cli.sweep_progress import sweep_progress
from icltool.core.device import available_threads
from icltool.core.errors import OutputError
from icltool.core.result import Result
from icltool.core.table import number
from icltool.sweep.collect import AGGREGATE, RUN
from icltool.sweep.execute import SweepFailedError, execute
from icltool.sweep.plan import SweepPlan

# Columns of the printed table: the measures every study summarises for people first.
MOST_MEASURES = 3


def run_plan(plan: SweepPlan, *, jobs: int | None, quiet: bool, console: Console) -> Result:
    """Execute the plan and show what came out; raises `SweepFailedError` last, after everything is shown."""
    failure: SweepFailedError | None = None
    at_once = jobs or max(1, available_threads() // max(_threads(plan), 1))
    with sweep_progress(console, quiet=quiet) as watcher:
        try:
            result = execute(plan, at_once=at_once, watcher=watcher)
        except SweepFailedError as error:
            failure, result = error, error.result
    if result.summary["runs"] != result.summary["failed"]:
        figure = _write_figure(result, console)
        if figure is not None and not quiet:
            console.print(f"figure: {figure}", markup=False)
    if not quiet:
        console.print(_aggregates(result))
        console.print(f"result: {result.path}", markup=False)
    if failure is not None:
        if not quiet:
            console.print(_failures(result))
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


def _threads(plan: SweepPlan) -> int:
    wanted = [run.config.model_dump().get("threads") for run in plan.runs]
    return max((threads for threads in wanted if isinstance(threads, int)), default=1)


def _write_figure(result: Result, console: Console) -> Path | None:
    from icltool.figures.export import write_html
    from icltool.sweep.plotting import sweep_figures

    try:
        return write_html(sweep_figures(result), result.run / "figure.html", title=f"icltool: {result.label}")
    except OutputError as error:
        console.print(f"warning: {error}", markup=False)
        return None


def _aggregates(result: Result) -> Table:
    """Means over the seeds, a row a setting."""
    rows = result.select(table=AGGREGATE)
    measures = list(dict.fromkeys(str(row["measure"]) for row in rows))[:MOST_MEASURES]
    fixed = {"table", "measure", "mean", "low", "high", "runs"}
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in fixed))
    shown = Table(title=f"{result.label}: mean over seeds [5 %, 95 %]", title_justify="left")
    for key in [*keys, "runs", *measures]:
        shown.add_column(key.replace("_", " "), justify="right" if key in measures else "left")
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        place = (*(number(row.get(key)) for key in keys), number(row["runs"]))
        cell = f"{number(row['mean'])} [{number(row['low'])}, {number(row['high'])}]"
        groups.setdefault(place, {})[str(row["measure"])] = cell
    for place, cells in groups.items():
        shown.add_row(*place, *(cells.get(measure, "-") for measure in measures))
    return shown


def _failures(result: Result) -> Table:
    shown = Table(title="Runs without a result", title_justify="left")
    for column in ("run", "status", "reason"):
        shown.add_column(column)
    for row in result.select(table=RUN):
        if row["status"] != "finished":
            shown.add_row(str(row["run"]), str(row["status"]), str(row["error"]))
    return shown


def default_folder(name: str) -> Path:
    """Where a sweep goes without --out."""
    return Path("runs") / "sweep" / name
