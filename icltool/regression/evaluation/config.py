"""How a trained regression model is measured, and what a probe decodes: every target in one table."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import field_validator

from icltool.core.config import Config, setting, suggestion
from icltool.core.errors import UsageError
from icltool.core.measurement_config import GROUP, CheckpointConfig, EvaluationConfig
from icltool.regression.data.config import FunctionClass

PROBE = "Probe"
MOST_STEPS = 10**9
COUNTED = ":K"
_HERE = "icltool.regression.evaluation.probe_targets"


@dataclass(frozen=True, kw_only=True)
class ProbeTarget:
    """A vector for each prefix of a prompt.

    `compute`: "module:function" from (prompts, settings) to the float64 targets [B k d], imported when it is needed.
    `prefixes`: from n points and d dimensions to the k prefix lengths that it exists for.
    """

    compute: str
    prefixes: Callable[[int, int], range]


def _every_prefix(n: int, _d: int) -> range:
    return range(1, n + 1)


# Spelled as --target takes them; where a name ends in :K, a whole number from 1 stands for K.
TARGETS: dict[str, ProbeTarget] = {
    # Beyond d points the solution of minimum norm is the function's own (without noise).
    "Wols": ProbeTarget(compute=f"{_HERE}:wols_targets", prefixes=lambda n, d: range(1, min(n, d) + 1)),
    "Xy": ProbeTarget(compute=f"{_HERE}:xy_targets", prefixes=_every_prefix),
    # No prefix changes it.
    "w": ProbeTarget(compute=f"{_HERE}:weight_targets", prefixes=lambda n, _d: range(n, n + 1)),
    "ridge": ProbeTarget(compute=f"{_HERE}:ridge_targets", prefixes=_every_prefix),
    "gd:K": ProbeTarget(compute=f"{_HERE}:descent_targets", prefixes=_every_prefix),
}


class ProbeTargetConfig(Config):
    """The target vector, one for each prefix of the prompt."""

    target: str = setting(
        "Wols",
        "Wols: least squares of minimum norm; Xy: sum of y·x over n; w: the true weights; ridge; gd:K: after K "
        "steps of gradient descent.",
        group=PROBE,
    )
    # Below 1e-8 the float64 solution would lose digits.
    penalty: float = setting(1e-2, "λ of the ridge target.", group=PROBE, ge=1e-8, le=1e8)

    @field_validator("target")
    @classmethod
    def _check_target(cls, target: str) -> str:
        try:
            name, count = _split(target)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return name if count is None else name.replace(COUNTED, f":{count}")

    @property
    def kind(self) -> ProbeTarget:
        """The target's entry in the table; raises `UsageError` where there is none."""
        return TARGETS[_split(self.target)[0]]

    @property
    def count(self) -> int:
        """K of a target such as gd:K; raises `UsageError` for one that has none."""
        count = _split(self.target)[1]
        if count is None:
            raise UsageError(f"the target {self.target} has no number of steps")
        return count

    def prefixes(self, *, n: int, d: int) -> range:
        """The prefix lengths that the target exists for."""
        return self.kind.prefixes(n, d)


def _split(target: str) -> tuple[str, int | None]:
    """A target's name in the table, and its K; raises `UsageError` for a target that is not in it."""
    head, colon, digits = target.partition(":")
    if not colon and target in TARGETS:
        return target, None
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= len(str(MOST_STEPS)) else 0
    if f"{head}{COUNTED}" in TARGETS and 1 <= number <= MOST_STEPS:
        return f"{head}{COUNTED}", number
    raise UsageError(
        f"{target[:60]!r} is not a target (K of gd:K goes from 1 to {MOST_STEPS}){suggestion(target[:60], [*TARGETS])}"
    )


class MeasuredCheckpointConfig(CheckpointConfig, EvaluationConfig):
    """A trained model and the held-out prompts it is measured on."""

    task: FunctionClass | None = setting(
        None, "Class of functions; unset: the one the model was trained on.", group=GROUP
    )
    n: int | None = setting(None, "Points of a prompt; unset: as in training.", group=GROUP, ge=1, le=65_536)
