"""How large the prompts of a step are: the stages of the curriculum, timed or gated by the running error.

A gated stage ends when the error of the last points, averaged over `CHECK_EVERY` steps, falls below the gate (after at
least `stage_min` steps), or after `stage_steps`. The error is looked at only every `CHECK_EVERY` steps, so nothing
waits for the device in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from icltool.regression.studies.train.config import CurriculumConfig

CHECK_EVERY = 25


@dataclass(frozen=True, kw_only=True)
class PromptSize:
    """Coordinates in use and points of a prompt, and how many prompts a batch has."""

    dims: int
    points: int
    batch: int


class Curriculum:
    """The stage a training is at, and when the next begins."""

    def __init__(self, config: CurriculumConfig, *, d: int, n: int, batch: int) -> None:
        self.config = config
        self.d = d
        self.n = n
        self.batch = batch
        self.stage = 0
        self.steps_in_stage = 0
        self._errors: list[Tensor] = []

    def size(self) -> PromptSize:
        """The size of the next step's prompts."""
        if self.config.curriculum == "none":
            return PromptSize(dims=self.d, points=self.n, batch=self.batch)
        dims = min(self.d, self.config.dims_start + self.stage * self.config.dims_step)
        points = min(self.n, self.config.points_start + self.stage * self.config.points_step)
        if dims == self.d:
            return PromptSize(dims=dims, points=self.n, batch=self.batch)
        return PromptSize(dims=dims, points=points, batch=max(self.batch, self.config.batch_points // points))

    def observe(self, error: Tensor) -> None:
        """Count a step with this normalised error of its last points, and move to the next stage when it is time."""
        if self.config.curriculum == "none" or self.size().dims == self.d:
            return
        self.steps_in_stage += 1
        if self.config.curriculum == "timed":
            if self.steps_in_stage >= self.config.stage_steps:
                self._next_stage()
            return
        self._errors.append(error.detach())
        if self.steps_in_stage >= self.config.stage_steps:
            self._next_stage()
        elif len(self._errors) == CHECK_EVERY:
            passed = float(torch.stack(self._errors).mean()) < self.config.gate
            self._errors.clear()
            if passed and self.steps_in_stage >= self.config.stage_min:
                self._next_stage()

    def state(self) -> dict[str, Any]:
        """The stage and the errors it has seen since the last check (float32 values survive JSON exactly)."""
        return {
            "stage": self.stage,
            "steps_in_stage": self.steps_in_stage,
            "errors": [float(error) for error in self._errors],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state that `state` returned."""
        self.stage = int(state["stage"])
        self.steps_in_stage = int(state["steps_in_stage"])
        self._errors = [torch.tensor(error) for error in state["errors"]]

    def _next_stage(self) -> None:
        self.stage += 1
        self.steps_in_stage = 0
        self._errors.clear()
