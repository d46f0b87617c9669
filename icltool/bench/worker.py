"""One side of a paired timing, in its own process: `python -m icltool.bench.worker ours|plain CONFIG-JSON`."""

import json
import statistics
import sys
import time
from collections.abc import Callable

from icltool.bench.config import BenchConfig
from icltool.bench.workloads import double_descent, gpicl, probe, train

# Makes a function that takes one step, given its number.
MakeStep = Callable[[BenchConfig], Callable[[int], object]]

SIDES: dict[str, dict[str, MakeStep]] = {
    "train": {"ours": train.ours, "plain": train.plain},
    "probe": {"ours": probe.ours, "plain": probe.plain},
    "double-descent": {"ours": double_descent.ours, "plain": double_descent.plain},
    # The ratio is a share: making the tasks, of the step that makes and uses them.
    "gpicl": {"ours": gpicl.step, "plain": gpicl.generation},
}


def main() -> None:
    """Time the steps and print their median as JSON."""
    side, text = sys.argv[1:]
    config = BenchConfig.model_validate_json(text)
    step = SIDES[config.workload][side](config)
    for number in range(1, config.warm + 1):
        step(number)
    seconds: list[float] = []
    for number in range(config.warm + 1, config.warm + config.steps + 1):
        began = time.perf_counter()
        step(number)
        seconds.append(time.perf_counter() - began)
    sys.stdout.write(json.dumps({"seconds_per_step": statistics.median(seconds)}))


if __name__ == "__main__":
    main()
