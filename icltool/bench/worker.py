"""One side of a paired timing, in its own process: `python -m icltool.bench.worker ours|plain CONFIG-JSON`."""

import json
import statistics
import sys
import time
from collections.abc import Callable

from icltool.bench.config import BenchConfig
from icltool.core.whole_process import use_whole_process

# Makes a function that takes one step, given its number.
MakeStep = Callable[[BenchConfig], Callable[[int], object]]


def main() -> None:
    """Time the steps and print their median as JSON."""
    use_whole_process()
    side, text = sys.argv[1:]
    config = BenchConfig.model_validate_json(text)
    step = sides_of(config.workload)[side](config)
    for number in range(1, config.warm + 1):
        step(number)
    seconds: list[float] = []
    for number in range(config.warm + 1, config.warm + config.steps + 1):
        began = time.perf_counter()
        step(number)
        seconds.append(time.perf_counter() - began)
    sys.stdout.write(json.dumps({"seconds_per_step": statistics.median(seconds)}))


def sides_of(workload: str) -> dict[str, MakeStep]:
    """What makes the step of ours and of the plain one."""
    from icltool.bench.workloads import double_descent, gpicl, probe, train  # noqa: PLC0415 - they load torch, which `use_whole_process` must come before

    sides: dict[str, dict[str, MakeStep]] = {
        "train": {"ours": train.ours, "plain": train.plain},
        "probe": {"ours": probe.ours, "plain": probe.plain},
        "double-descent": {"ours": double_descent.ours, "plain": double_descent.plain},
        # The ratio is a share: making the tasks, of the step that makes and uses them.
        "gpicl": {"ours": gpicl.step, "plain": gpicl.generation},
    }
    return sides[workload]


if __name__ == "__main__":
    main()
