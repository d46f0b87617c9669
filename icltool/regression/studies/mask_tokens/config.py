"""Settings of `icltool mask-tokens`."""

from typing import Literal

from icltool.core.config import setting
from icltool.core.runtime_config import RuntimeConfig
from icltool.regression.evaluation.config import MeasuredCheckpointConfig

GROUP = "Mask"


class MaskTokensConfig(MeasuredCheckpointConfig, RuntimeConfig):
    """Measure a trained model with all but n pairs of its state, or of its prompt, masked, for every n."""

    keep: Literal["first", "last"] = setting(
        "last", "Which n pairs are kept; the query's own pair is the last.", group=GROUP
    )
    scope: Literal["state", "input"] = setting(
        "state",
        "state: what a loop hands to the next, the prompt itself staying whole; input: the prompt (x of the query "
        "stays).",
        group=GROUP,
    )
    loops: int | None = setting(None, "Loops b; unset: as in training.", group=GROUP, ge=1, le=100_000)
    multiples: int = setting(3, "Score after b, 2b, ... up to this many times b loops.", group=GROUP, ge=1, le=1000)
