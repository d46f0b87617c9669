"""Which labelled images a study uses, and what a learner sees of them."""

from typing import Literal

from icltool.core.config import Config, setting

DatasetName = Literal["digits", "random", "mnist", "fashion-mnist", "kmnist", "cifar10", "svhn"]
Features = Literal["components", "pixels"]

GROUP = "Images"


class ImageFilesConfig(Config):
    """Where the files of a data set are."""

    data_dir: str | None = setting(
        None, "Folder that holds the data set's files; unset: download them once into the cache.", group=GROUP
    )


class PreprocessingConfig(Config):
    """From an image to the vector x that a task projects; a checkpoint's header keeps it."""

    resize: int | None = setting(None, "Side of the images, in pixels; unset: as they are.", group=GROUP, ge=1, le=512)
    grey: bool = setting(default=False, help="Colours to grey.", group=GROUP)
    features: Literal["components", "pixels"] = setting(
        "components", "components: standardised principal components; pixels: standardised pixels.", group=GROUP
    )
    components: int = setting(
        64, "Principal components that make up x (zeros where the images have fewer).", group=GROUP, ge=1, le=4096
    )
    component_floor: float = setting(
        0.2, "Weight of the last component; the first has 1, between them it falls evenly.", group=GROUP, gt=0, le=1
    )


class ImageConfig(PreprocessingConfig, ImageFilesConfig):
    """A data set and its preprocessing."""

    dataset: DatasetName = setting("digits", "The labelled images.", group=GROUP)
