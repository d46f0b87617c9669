"""One side of a contest, in its own process: `python -m icltool.bench.worker ours|plain CONFIG-JSON`."""

import json
import statistics
import sys
import time
from collections.abc import Callable

from icltool.bench.config import BenchConfig
from icltool.bench.workloads import double_descent as toy_relu_step
from icltool.bench.workloads import gpicl as gpicl_step
from icltool.bench.workloads import probe as probe_update
from icltool.bench.workloads import train as training_step

# Makes a function that takes one step, given its number.
MakeStep = Callable[[BenchConfig], Callable[[int], object]]

SIDES: dict[str, dict[str, MakeStep]] = {
    "train": {"ours": training_step.ours, "plain": training_step.plain},
    "probe": {"ours": probe_update.ours, "plain": probe_update.plain},
    "double-descent": {"ours": toy_relu_step.ours, "plain": toy_relu_step.plain},
    # The ratio is a share: making the tasks, of the step that makes and uses them.
    "gpicl": {"ours": gpicl_step.step, "plain": gpicl_step.generation},
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
