"""A planned sweep for the command line: run, figure, tables. The command `sweep` and comma lists share it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from icltool.cli.printed_table import printed
from icltool.cli.sweep_progress import sweep_progress
from icltool.core.errors import OutputError
from icltool.core.result import Result
from icltool.core.table import as_text
from icltool.sweep.collect import AGGREGATE
from icltool.sweep.cost import CORES, MACHINES, core_hours, hours, spoken
from icltool.sweep.engines.choice import EngineChoice, chosen_engine
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
            console.print(f"figure: {figure}", markup=False, soft_wrap=True)
    if not quiet:
        _print_aggregates(result, console)
        console.print(f"result: {result.path}", markup=False, soft_wrap=True)
    if failure is not None:
        if not quiet:
            console.print(printed(failures_table(result), texts=3))
        raise failure
    return result


def print_plan(plan: SweepPlan, console: Console) -> None:
    """The runs of a plan with their cost, without running anything."""
    from icltool.studies import study_named

    table = Table(title=f"{plan.name}: {len(plan.runs)} runs", title_justify="left")
    for column in ("run", "study", "steps", "PFLOP", "GB"):
        # A long name goes on below: its end is what tells two runs apart.
        table.add_column(column, justify="left" if column in {"run", "study"} else "right", overflow="fold")
    flops: list[float] = []
    trainings: list[float] = []
    seconds: list[float] = []
    for run in plan.runs:
        study = study_named(run.study)
        cost = run.flops()
        memory = study.memory(run.config)
        flops.append(cost or 0.0)
        # The machines' rates are those of training transformers; other studies' operations are of other kinds.
        on_a_core = study.core_seconds(run.config)
        seconds += [on_a_core] if on_a_core else []
        trainings += [cost] if cost and study.trains and on_a_core is None else []
        cells = (run.config.model_dump().get("steps"), _in(1e15, cost), _in(1e9, memory))
        table.add_row(run.name, run.study, *(as_text(cell) for cell in cells))
    table.add_section()
    table.add_row("total", "", "", as_text(sum(flops) / 1e15), "")
    console.print(table)
    _print_hours(trainings, console)
    if seconds:
        time = spoken(3600 * core_hours(seconds))
        console.print(f"trainings: about {time} on {CORES} cores, at rates measured on one", markup=False)


def _in(unit: float, value: float | None) -> float | None:
    return value / unit if value else None


def _print_hours(flops: Sequence[float], console: Console) -> None:
    if not flops:
        return
    times = ", ".join(f"{spoken(3600 * hours(flops, machine))} on {machine.name}" for machine in MACHINES)
    rates = ", ".join(
        f"{as_text(machine.rate / 1e12)} TFLOP/s {'measured a core' if machine.measured else 'assumed a GPU'}"
        for machine in MACHINES[:2]
    )
    console.print(f"trainings: about {times}, at {rates}; less where prompts or loops grow", markup=False)


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
