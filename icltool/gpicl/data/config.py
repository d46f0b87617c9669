"""Which labelled images a study uses, what a learner sees of them, and the tasks that are made from them."""

from typing import Literal, get_args

from icltool.core.config import Config, setting

DatasetName = Literal["digits", "random", "mnist", "fashion-mnist", "kmnist", "cifar10", "svhn"]
DATASETS: tuple[DatasetName, ...] = get_args(DatasetName)
Features = Literal["components", "pixels"]

IMAGES = "Images"
CLASSES = 10
# Rows, columns, channels as the sets come.
SHAPES: dict[DatasetName, tuple[int, int, int]] = {
    "digits": (8, 8, 1),
    "random": (8, 8, 1),
    "mnist": (28, 28, 1),
    "fashion-mnist": (28, 28, 1),
    "kmnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "svhn": (32, 32, 3),
}
TASKS = "Tasks"


class ImageFilesConfig(Config):
    """Where the files of a data set are."""

    data_dir: str | None = setting(
        None, "Folder that holds the data set's files; unset: download them once into the cache.", group=IMAGES
    )


class PreprocessingConfig(Config):
    """From an image to the vector x that a task projects; a checkpoint's header keeps it."""

    resize: int | None = setting(None, "Side of the images, in pixels; unset: as they are.", group=IMAGES, ge=1, le=512)
    grey: bool = setting(default=False, help="Colours to grey.", group=IMAGES)
    features: Literal["components", "pixels"] = setting(
        "components", "components: standardised principal components; pixels: standardised pixels.", group=IMAGES
    )
    components: int = setting(
        64, "Principal components that make up x (zeros where the images have fewer).", group=IMAGES, ge=1, le=4096
    )
    component_floor: float = setting(
        0.2, "Weight of the last component; the first has 1, between them it falls evenly.", group=IMAGES, gt=0, le=1
    )


class ImageConfig(PreprocessingConfig, ImageFilesConfig):
    """A data set and its preprocessing."""

    dataset: DatasetName = setting("digits", "The labelled images.", group=IMAGES)


def expected_inputs(name: DatasetName, config: PreprocessingConfig) -> int:
    """N_x: how many features a learner sees of the data set's images under this preprocessing."""
    if config.features == "components":
        return config.components
    rows, columns, channels = SHAPES[name]
    if config.resize:
        rows = columns = config.resize
    return rows * columns * (1 if config.grey else channels)


class SequenceConfig(Config):
    """The length of a sequence of one task."""

    context: int = setting(50, "Examples of a sequence, the one asked for included.", group=TASKS, ge=2, le=65_536)


class TaskCountConfig(Config):
    """The training tasks: random projections and label permutations, numbered from 0."""

    tasks: int = setting(
        2**24, "Training tasks; none is stored, so any number costs the same.", group=TASKS, ge=1, le=2**62
    )


class TaskConfig(TaskCountConfig):
    """Batches of training tasks."""

    bias_fraction: float = setting(
        0.0, "Part of a batch's sequences that keep their labels unpermuted.", group=TASKS, ge=0, le=1
    )
