"""What a probe decodes."""

import re

from pydantic import field_validator

from icltool.core.config import Config, setting, suggestion

GROUP = "Probe"
TARGETS = ("Wols", "Xy", "w", "ridge", "gd:K")
MOST_STEPS = 10**9


class ProbeTargetConfig(Config):
    """The target vector, one for each prefix of the prompt."""

    target: str = setting(
        "Wols",
        "Wols: least squares of minimum norm; Xy: sum of y·x over n; w: the true weights; ridge; gd:K: after K "
        "steps of gradient descent.",
        group=GROUP,
    )
    # Below 1e-8 the float64 solution would lose digits.
    penalty: float = setting(1e-2, "λ of the ridge target.", group=GROUP, ge=1e-8, le=1e8)

    @field_validator("target")
    @classmethod
    def _check_target(cls, target: str) -> str:
        steps = re.fullmatch(r"gd:([0-9]{1,10})", target)
        if steps and 1 <= int(steps[1]) <= MOST_STEPS:
            return f"gd:{int(steps[1])}"
        if target in TARGETS[:-1]:
            return target
        raise ValueError(
            f"{target[:60]!r} is no target (K of gd:K goes from 1 to {MOST_STEPS}){suggestion(target[:60], TARGETS)}"
        )

    @property
    def descent_steps(self) -> int:
        """K of gd:K; 0 for another target."""
        return int(self.target[3:]) if self.target.startswith("gd:") else 0

    def prefixes(self, *, n: int, d: int) -> range:
        """The prefix lengths a target exists for: 1..n; Wols 1..d; for w, which no prefix changes, n alone."""
        if self.target == "w":
            return range(n, n + 1)
        return range(1, (min(n, d) if self.target == "Wols" else n) + 1)
