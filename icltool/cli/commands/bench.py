"""`icltool bench WORKLOAD`: one table of ratio, spread, both absolute times, threads, precision and machine."""

import inspect
import statistics
from typing import Annotated, Any

import typer
from rich.table import Table

from icltool.bench.config import BenchConfig
from icltool.cli.options import given_values, parameters_of
from icltool.cli.progress import progress
from icltool.cli.signature import common_parameter
from icltool.cli.streams import people, print_json

# What the two sides are where they are not ours and the plain one.
NAMES = {"gpicl": ("generation_share", "step_ms", "generation_ms")}


def parameters() -> list[inspect.Parameter]:
    """The workload, its sizes, and how to measure."""
    workload = typer.Argument(metavar="WORKLOAD", help="What to measure: train, probe, double-descent or gpicl.")
    return [
        inspect.Parameter("workload", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, workload]),
        *(parameter for parameter in parameters_of(BenchConfig) if parameter.name != "workload"),
        common_parameter("quiet", bool, typer.Option("--quiet", help="Print nothing for people."), default=False),
        common_parameter("json", bool, typer.Option("--json", help="Print one JSON object on stdout."), default=False),
    ]


def run(*, workload: str, quiet: bool, json: bool, **given: Any) -> None:  # noqa: ANN401 - settings by name
    """Measure, and print the table (on stderr) or JSON (on stdout)."""
    values = {**given_values(BenchConfig, given), "workload": workload}
    preset = workload if workload in BenchConfig.PRESETS else None
    config = BenchConfig.create(values, preset=preset, as_options=True).resolved()
    from icltool.bench.contest import hold_contest, require_checkout
    from icltool.core.runtime import environment, prepare

    console = people()
    with progress(console, quiet=quiet) as on_step:
        if config.whole_run:
            require_checkout()
            from icltool.bench.toy_relu_step import whole_run

            contest = whole_run(config, on_step=on_step)
        else:
            contest = hold_contest(config, on_step=on_step)
    machine = environment(prepare(config))
    ratio, ours, plain = NAMES.get(config.workload, ("ratio", "ours_ms", "plain_ms"))
    facts: dict[str, object] = {
        "workload": config.workload,
        ratio: round(contest.ratio, 3),
        f"lowest_{ratio}": round(min(contest.ratios), 3),
        f"highest_{ratio}": round(max(contest.ratios), 3),
        ours: round(1e3 * statistics.median(contest.ours), 2),
        plain: round(1e3 * statistics.median(contest.plain), 2),
        "rounds": len(contest.ours),
        "threads": config.threads,
        "precision": config.precision,
        "machine": machine["processor"],
        "torch": machine["torch"],
    }
    if not quiet:
        looped = (
            f"L={config.L} b={config.b} D={config.width} H={config.heads} n={config.n} d={config.d} B={config.batch}"
        )
        size = {
            "double-descent": f"n={config.n} T={config.T}",
            "gpicl": f"L={config.L} D={config.width} H={config.heads} context={config.n} x={config.d} B={config.batch}",
        }.get(workload, looped)
        table = Table(title=f"icltool bench {workload}: {size}", title_justify="left", show_header=False)
        for name, value in facts.items():
            table.add_row(name.replace("_", " "), str(value))
        console.print(table)
    if json:
        print_json(facts)
