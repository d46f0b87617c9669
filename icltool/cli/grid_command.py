"""A planned sweep for the command line: run, figure, tables. The command `sweep` and comma lists share it."""

from pathlib import Path

from rich.console import Console

from icltool.cli.printed_table import printed
from icltool.cli.sweep_progress import sweep_progress
from icltool.core.errors import OutputError
from icltool.core.result import Result
from icltool.studies import study_named
from icltool.sweep.collect import AGGREGATE
from icltool.sweep.engines.choice import EngineChoice, chosen_engine
from icltool.sweep.execute import SweepFailedError, execute
from icltool.sweep.plan import SweepPlan
from icltool.sweep.tables import aggregates_table, failures_table

# Columns of the printed table: the first measures of the study's headline.
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
        _print_aggregates(plan, result, console)
        console.print(f"result: {result.path}", markup=False, soft_wrap=True)
    if failure is not None:
        if not quiet:
            console.print(printed(failures_table(result), texts=3))
        raise failure
    return result


def _write_figure(result: Result, console: Console) -> Path | None:
    from icltool.figures.export import write_html
    from icltool.sweep.plotting import sweep_figures

    try:
        return write_html(sweep_figures(result), result.run / "figure.html", title=f"icltool: {result.label}")
    except OutputError as error:
        console.print(f"warning: {error}", markup=False)
        return None


def _print_aggregates(plan: SweepPlan, result: Result, console: Console) -> None:
    """One table for each stage: stages measure different things."""
    studies = {run.stage: study_named(run.study) for run in plan.runs}
    for stage in dict.fromkeys(str(row["stage"]) for row in result.select(table=AGGREGATE)):
        known = dict.fromkeys(str(row["measure"]) for row in result.select(table=AGGREGATE, stage=stage))
        declared = [measure for measure in studies[stage].headline if measure in known]
        measures = (declared or [*known])[:MOST_MEASURES]
        table = aggregates_table(result, stage=stage, measures=measures)
        console.print(printed(table, texts=table.columns.index("runs") + 1))
