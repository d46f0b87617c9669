"""How a trained regression model is measured."""

from icltool.core.config import setting
from icltool.core.measurement_config import GROUP, CheckpointConfig, EvaluationConfig
from icltool.regression.data.config import FunctionClass


class MeasuredCheckpointConfig(CheckpointConfig, EvaluationConfig):
    """A trained model and the held-out prompts it is measured on."""

    task: FunctionClass | None = setting(
        None, "Class of functions; unset: the one the model was trained on.", group=GROUP
    )
    n: int | None = setting(None, "Points of a prompt; unset: as in training.", group=GROUP, ge=1, le=65_536)
