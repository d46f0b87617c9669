"""A workload's measurement as facts, and the table of all measured: ratio, spread, both absolute times, machine."""

import statistics
from collections.abc import Mapping, Sequence

from icltool.bench.config import BenchConfig
from icltool.bench.paired_timing import PairedTiming, require_checkout, time_in_turns
from icltool.core.progress import OnStep
from icltool.core.result import Value
from icltool.core.runtime import environment, prepare, restored_process
from icltool.core.table import Table, as_text, counted

Facts = Mapping[str, Value]
# What the three numbers are where they are not a speed ratio and the times of ours and the plain one.
NAMES = {"gpicl": ("generation_share", "step_ms", "generation_ms")}


def measure(config: BenchConfig, *, on_step: OnStep) -> Facts:
    """Time a resolved config's workload; raises `IcltoolError` outside a checkout."""
    if config.whole_run:
        require_checkout()
        from icltool.bench.workloads.double_descent import whole_run  # noqa: PLC0415 - reads the checkout's tests/reference

        timing = whole_run(config, on_step=on_step)
    else:
        timing = time_in_turns(config, on_step=on_step)
    return facts_of(config, timing)


def facts_of(config: BenchConfig, timing: PairedTiming) -> Facts:
    """What was measured, of what size, on what."""
    with restored_process():
        machine = environment(prepare(config))
    ratio, ours, plain = _names(config.workload)
    return {
        "workload": config.workload,
        "size": size_of(config),
        ratio: round(timing.ratio, 3),
        f"lowest_{ratio}": round(min(timing.ratios), 3),
        f"highest_{ratio}": round(max(timing.ratios), 3),
        ours: round(1e3 * statistics.median(timing.ours), 2),
        plain: round(1e3 * statistics.median(timing.plain), 2),
        "rounds": len(timing.ours),
        "threads": config.threads,
        "precision": config.precision,
        "compile": config.compile,
        "machine": machine["processor"],
        "torch": machine["torch"],
    }


def size_of(config: BenchConfig) -> str:
    """The workload's size in the letters of its options."""
    match config.workload:
        case "double-descent":
            return f"n={config.n} T={config.T}"
        case "gpicl":
            return f"L={config.L} D={config.width} H={config.heads} context={config.n} x={config.d} B={config.batch}"
        case _:
            model = f"L={config.L} b={config.b} D={config.width} H={config.heads}"
            window = f" T={config.T or config.b}" if config.workload == "train" else ""
            return f"{model}{window} n={config.n} d={config.d} B={config.batch}"


def tables_of(measured: Sequence[Facts]) -> list[Table]:
    """A row for each workload: the ratios, and what making its tasks costs a step of gpicl."""
    facts = measured[0]
    threads = counted(int(str(facts["threads"])), "thread")
    machine = f"{facts['machine']}, {threads}, {facts['precision']}, torch {facts['torch']}"
    timings = [row for row in measured if row["workload"] not in NAMES]
    shares = [row for row in measured if row["workload"] in NAMES]
    tables = [
        Table(
            title=f"icltool bench: {machine}",
            columns=["workload", "size", "ratio", "spread", "ours, ms", "plain, ms"],
            rows=[_row(facts) for facts in timings],
        ),
        Table(
            title=f"icltool bench, tasks made for a step: {machine}",
            columns=["workload", "size", "tasks / step", "spread", "step, ms", "tasks, ms"],
            rows=[_row(facts) for facts in shares],
        ),
    ]
    return [table for table in tables if table.rows]


def _row(facts: Facts) -> list[str]:
    ratio, ours, plain = _names(str(facts["workload"]))
    spread = f"{as_text(facts[f'lowest_{ratio}'])} to {as_text(facts[f'highest_{ratio}'])}"
    compiled = ", compiled" if facts["compile"] == "on" else ""
    times = [as_text(facts[key]) for key in (ours, plain)]
    return [f"{facts['workload']}{compiled}", str(facts["size"]), as_text(facts[ratio]), spread, *times]


def _names(workload: str) -> tuple[str, str, str]:
    return NAMES.get(workload, ("ratio", "ours_ms", "plain_ms"))
