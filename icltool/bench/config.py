"""Settings of `icltool bench`."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from icltool.core.config import PresetValues, setting
from icltool.core.runtime_config import RuntimeConfig
from icltool.regression.models.config import RegressionModelConfig

MEASURING = "Measuring"
# Steps of a training that is long enough for anything.
LONG = 10**6
WORKLOADS = ("train", "probe", "double-descent", "gpicl")


class BenchConfig(RegressionModelConfig, RuntimeConfig):
    """Measure one workload; the defaults are one block, eight loops, d = 20.

    `probe` updates the probes of b + 1 states for d targets; `double-descent` trains n features on T samples; `gpicl`
    meta-trains on sequences of n examples with d components, and is measured for the share of its task generation.
    """

    # A workload's own defaults, by its name.
    PRESETS: ClassVar[Mapping[str, PresetValues]] = {
        "probe": {"b": 20, "n": 41, "batch": 256, "steps": 3, "warm": 1},
        # The default model of gpicl-train.
        "gpicl": {"L": 2, "width": 64, "heads": 4, "n": 50, "d": 64, "batch": 64, "steps": 10},
        "double-descent": {"n": 10_000, "T": 1000, "steps": 10, "warm": 2},
    }

    workload: Literal["train", "probe", "double-descent", "gpicl"] = setting(
        "train", "What to measure.", group=MEASURING, argument=True
    )
    T: int | None = setting(None, "Loop window, unset: all b; of double-descent the samples.", group="Model", ge=1)
    batch: int = setting(64, "Prompts of a step.", group=MEASURING, ge=1, le=10**6)
    d: int = setting(20, "Dimensions of x.", group="Prompts", ge=1, le=4096)
    n: int = setting(63, "In-context points of a prompt, the query included.", group="Prompts", ge=1, le=65_536)
    steps: int = setting(20, "Steps timed in a process, after as many as --warm of warm-up.", group=MEASURING, ge=1)
    warm: int = setting(3, "Steps of warm-up in a process.", group=MEASURING, ge=1)
    whole_run: bool = setting(
        default=False,
        help="double-descent: all 50 000 steps, in one process, against as many dense ones.",
        group=MEASURING,
    )
    rounds: int = setting(5, "Pairs of processes, ours and the plain one in turn.", group=MEASURING, ge=1, le=1000)

    def resolved(self) -> Self:
        """Also whether the steps that can be are compiled, as in a long training."""
        chosen = self.compile_for(LONG) if self.workload in {"train", "gpicl"} else "off"
        return super().resolved().model_copy(update={"compile": chosen})

    @model_validator(mode="after")
    def _check_whole_run(self) -> Self:
        if self.whole_run and self.workload != "double-descent":
            raise ValueError(f"whole_run measures double-descent, not {self.workload}")
        return self
