"""Settings of `icltool gpicl-augment`."""

from typing import ClassVar

from icltool.core.config import PresetValues, setting
from icltool.core.runtime_config import RuntimeConfig, SeedConfig
from icltool.gpicl.data.config import ImageConfig, SequenceConfig, TaskCountConfig

GROUP = "Preview"


class GpiclAugmentConfig(ImageConfig, TaskCountConfig, SequenceConfig, SeedConfig, RuntimeConfig):
    """Show one image under several tasks, check the tasks' statistics, and write sequences on request."""

    DEFAULTS: ClassVar[PresetValues] = {"features": "pixels"}

    image: int = setting(0, "Which image of the training split is shown.", group=GROUP, ge=0)
    preview: int = setting(7, "Tasks it is shown under.", group=GROUP, ge=1, le=63)
    sample: int = setting(1000, "Tasks whose statistics are taken.", group=GROUP, ge=10, le=10**6)
    sequences: int = setting(0, "Sequences to write to sequences.safetensors.", group=GROUP, ge=0, le=10**6)

    @property
    def slug(self) -> str:
        """What the run folder is called."""
        return f"{self.dataset}-{self.features}-image{self.image}-seed{self.seed}"
