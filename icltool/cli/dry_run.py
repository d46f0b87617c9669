"""`sweep --dry-run`: the runs of a plan with their cost. Nothing that runs is imported, PyTorch least of all."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from icltool.core.table import as_text
from icltool.studies import study_named
from icltool.sweep.cost import CORES, MACHINES, core_hours, hours, spoken
from icltool.sweep.plan import SweepPlan


def print_plan(plan: SweepPlan, console: Console) -> None:
    """The runs of a plan with their cost, without running anything."""
    table = Table(title=f"{plan.name}: {len(plan.runs)} runs", title_justify="left")
    for column in ("run", "study", "steps", "PFLOP", "GB"):
        # A long name goes on below: its end is what tells two runs apart.
        table.add_column(column, justify="left" if column in {"run", "study"} else "right", overflow="fold")
    flops: list[float] = []
    trainings: list[float] = []
    seconds: list[float] = []
    for run in plan.runs:
        cost = run.cost
        flops.append(cost.flops or 0.0)
        if cost.seconds is not None:
            seconds.append(cost.seconds)
        elif cost.flops and study_named(run.study).trains:
            # The machines' rates are those of training transformers; other studies' operations are of other kinds.
            trainings.append(cost.flops)
        cells = (run.config.model_dump().get("steps"), _in(1e15, cost.flops), _in(1e9, cost.memory))
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
