"""Settings of `icltool eval`."""

from icltool.core.config import Scalar, setting
from icltool.core.runtime_config import RuntimeConfig
from icltool.data.prompt_config import FunctionClass
from icltool.evaluation.evaluation_config import GROUP, EvaluationConfig


class EvaluateConfig(EvaluationConfig, RuntimeConfig):
    """Measure a trained model on held-out prompts."""

    checkpoint: str = setting(..., "model.safetensors or its run folder; - reads paths from stdin.", argument=True)
    task: FunctionClass | None = setting(
        None, "Class of functions; unset: the one the model was trained on.", group=GROUP
    )
    n: int | None = setting(None, "Points of a prompt; unset: as in training.", group=GROUP, ge=1, le=65_536)
    loops: int | None = setting(None, "Loops to run; unset: as in training.", group=GROUP, ge=1, le=100_000)

    def identity(self) -> dict[str, Scalar]:
        """Every setting but the checkpoint's path: its content, an input of the run, stands for it."""
        return {key: value for key, value in super().identity().items() if key != "checkpoint"}
