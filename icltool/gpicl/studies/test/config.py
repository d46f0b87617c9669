"""Settings of `icltool gpicl-test`."""

from typing import ClassVar, Literal

from pydantic import field_validator

from icltool.core.config import PresetValues, setting, suggestion
from icltool.core.measurement_config import GROUP, CheckpointConfig, EvaluationConfig
from icltool.core.runtime_config import RuntimeConfig
from icltool.gpicl.data.config import DATASETS, DatasetName, ImageFilesConfig

# What the descent from scratch is chosen from, and on how many sequences.
STEP_SIZES = (0.03, 0.1, 0.3, 1.0)
STEPS = (1, 2, 5, 10, 20, 50, 100)
# Every position is fitted anew, so only so many places of a sequence are asked for.
PLACES = 8
CHOOSING_SEQUENCES = 256


class GpiclTestConfig(CheckpointConfig, EvaluationConfig, ImageFilesConfig, RuntimeConfig):
    """Test an in-context learner on tasks seen in training, on unseen tasks, and on other data sets."""

    DEFAULTS: ClassVar[PresetValues] = {"eval_prompts": 2048}

    dataset: DatasetName | None = setting(None, "The images; unset: those the learner was trained on.", group=GROUP)
    elsewhere: str = setting(
        "random", "Other data sets for unseen tasks, separated by commas; '' for none.", group=GROUP
    )
    features: Literal["components", "pixels"] | None = setting(
        None, "What a task projects of an image; unset: as in training.", group=GROUP
    )
    context: int | None = setting(None, "Examples of a sequence; unset: as in training.", group=GROUP, ge=2, le=65_536)
    sgd: bool = setting(
        default=False,
        help="Also fit an MLP to each context from scratch by gradient steps, chosen on training tasks.",
        group=GROUP,
    )
    sgd_width: int = setting(64, "Hidden units of that MLP.", group=GROUP, ge=1, le=65_536)

    @field_validator("elsewhere")
    @classmethod
    def _check_elsewhere(cls, names: str) -> str:
        known = DATASETS
        for name in _split(names):
            if name not in known:
                raise ValueError(f"{name!r} is not a data set{suggestion(name, known)}")
        return names

    @property
    def other_datasets(self) -> list[DatasetName]:
        """The names in `elsewhere`."""
        return [name for part in _split(self.elsewhere) for name in DATASETS if name == part]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
