"""Settings of `icltool eval`."""

from typing import Literal, Self

from pydantic import model_validator

from icltool.core.config import setting
from icltool.core.measurement_config import GROUP
from icltool.core.runtime_config import RuntimeConfig
from icltool.regression.data.config import PLACING_SHIFTS, RealTable, Shift
from icltool.regression.evaluation.config import MeasuredCheckpointConfig

CHANGED_PROMPTS = "Changed prompts"
BASELINES = "Baselines"


class EvaluateConfig(MeasuredCheckpointConfig, RuntimeConfig):
    """Measure a trained model on held-out prompts."""

    loops: int | None = setting(None, "Loops to run; unset: as in training.", group=GROUP, ge=1, le=100_000)
    seeds: int = setting(
        1, "Evaluation seeds, from --eval-seed up, each with its own prompts.", group=GROUP, ge=1, le=1000
    )
    halt_tol: float | None = setting(
        None, "Stop a prompt's loops when its state moves less than this share of its length.", group=GROUP, ge=0
    )
    shift: Shift = setting("none", "Measure under this change of the prompts.", group=CHANGED_PROMPTS)
    shifts: Literal["none", "all"] = setting(
        "none", "all: add a table of the errors under every shift.", group=CHANGED_PROMPTS
    )
    table: RealTable | None = setting(
        None, "Cut the prompts from this real table instead of drawing functions.", group=CHANGED_PROMPTS
    )
    baselines: Literal["standard", "all"] = setting(
        "standard", "all: also Lasso, trees, boosting and a trained network, fitted to each prefix.", group=BASELINES
    )
    fitted_prompts: int = setting(
        64, "Prompts of the baselines that --baselines all adds; a fit each and place.", group=BASELINES, ge=2
    )
    fitted_places: int = setting(7, "Places along the prompt where these are fitted.", group=BASELINES, ge=2)

    @model_validator(mode="after")
    def _check_prompts(self) -> Self:
        if self.table is not None and (self.shift != "none" or self.shifts != "none"):
            raise ValueError("a shift changes drawn functions, and table takes real ones; give one of them")
        if self.halt_tol is not None and self.shift in PLACING_SHIFTS:
            raise ValueError(
                f"halt_tol stops a whole prompt, and {self.shift} asks a query of its own after every prefix; "
                "give one of them"
            )
        return self
