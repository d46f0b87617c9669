"""`icltool bench [WORKLOAD]`: one table of ratio, spread, both absolute times, threads, precision and machine."""

from typing import Annotated, Any

import typer

from icltool.bench.config import WORKLOADS, BenchConfig
from icltool.cli.options import given_values, with_settings
from icltool.cli.printed_table import printed
from icltool.cli.progress import progress
from icltool.cli.signature import Quiet, completion_of, flag
from icltool.cli.stdio import people, print_json


@with_settings(BenchConfig, without={"workload"})
def run(
    *,
    workload: Annotated[
        str | None,
        typer.Argument(
            metavar="WORKLOAD",
            help=f"What to measure: {', '.join(WORKLOADS)}; none: all of them.",
            autocompletion=completion_of(WORKLOADS),
        ),
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, flag("json", "Print one JSON object on stdout.")] = False,
    **settings: Any,  # noqa: ANN401 - text or a flag
) -> None:
    """Measure, and print tables on stderr; --json prints a workload's facts, or those of all in `workloads`."""
    values = given_values(BenchConfig, settings)
    configs = [_config(name, values) for name in ([workload] if workload else WORKLOADS)]
    from icltool.bench.measurement import measure, tables_of

    console = people()
    with progress(console, quiet=quiet) as on_step:
        measured = [measure(config, on_step=on_step) for config in configs]
    if not quiet:
        for table in tables_of(measured):
            console.print(printed(table, texts=2))
    if json:
        print_json(measured[0] if workload else {"workloads": measured})


def _config(workload: str, values: dict[str, object]) -> BenchConfig:
    preset = workload if workload in BenchConfig.PRESETS else None
    return BenchConfig.create({**values, "workload": workload}, preset=preset, as_options=True).resolved()
