"""Settings of `icltool bench`."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from icltool.core.config import PresetValues, setting
from icltool.core.runtime_config import RuntimeConfig
from icltool.models.transformer_config import RegressionModelConfig

MEASURING = "Measuring"


class BenchConfig(RegressionModelConfig, RuntimeConfig):
    """Measure one workload; the defaults are one block, eight loops, d = 20.

    `probe` updates the probes of b + 1 states for d targets.
    """

    # A workload's own defaults, by its name.
    PRESETS: ClassVar[Mapping[str, PresetValues]] = {
        "probe": {"b": 20, "n": 41, "batch": 256, "steps": 3, "warm": 1},
    }

    workload: Literal["train", "probe"] = setting("train", "What to measure.", group=MEASURING)
    T: int | None = setting(None, "Loop window; unset: all b.", group="Model", ge=1)
    batch: int = setting(64, "Prompts of a step.", group=MEASURING, ge=1, le=10**6)
    d: int = setting(20, "Dimensions of x.", group="Prompts", ge=1, le=4096)
    n: int = setting(63, "In-context points of a prompt, the query included.", group="Prompts", ge=1, le=65_536)
    steps: int = setting(20, "Steps timed in a process, after as many as --warm of warm-up.", group=MEASURING, ge=1)
    warm: int = setting(3, "Steps of warm-up in a process.", group=MEASURING, ge=1)
    rounds: int = setting(5, "Pairs of processes, ours and the plain one in turn.", group=MEASURING, ge=1, le=1000)
