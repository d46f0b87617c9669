"""What the training loop drives: anything that can take a step and be saved and restored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

Number = float | int | None


@dataclass(frozen=True, kw_only=True)
class LearnerState:
    """Everything a learner needs to go on: tensors, and plain values that JSON can hold."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


@runtime_checkable
class Learner(Protocol):
    """One thing being trained. Steps are counted from 1; the same step always sees the same data."""

    def advance(self, step: int) -> Mapping[str, Tensor]:
        """Take one step. Returns 0-d tensors left on the device (`loss` always), so that nothing waits for them."""
        ...

    def conditions(self) -> Mapping[str, Number]:
        """What held during the last step and the host knows: learning rate, loops, points, dims."""
        ...

    def state(self) -> LearnerState:
        """All that the next step depends on."""
        ...

    def restore(self, state: LearnerState) -> None:
        """Go back to a state that `state` returned."""
        ...
