"""A data set made ready for a learner: its features, fitted on its own training split, and what draws sequences.

Legend: x inputs of a learner.
"""

from dataclasses import dataclass

from icltool.core.errors import InputError
from icltool.gpicl.data.config import DatasetName, PreprocessingConfig
from icltool.gpicl.data.image_features import fit_features, input_count
from icltool.gpicl.data.image_sets import ImageSet, load_image_set, load_image_set_like
from icltool.gpicl.data.task_sequences import SequenceSampler


@dataclass(frozen=True, kw_only=True)
class ClassificationData:
    """Samplers of sequences over the training and over the test images, and the sizes a learner must have."""

    name: str
    train: SequenceSampler
    test: SequenceSampler
    inputs: int
    classes: int
    shape: tuple[int, ...]


def classification_data(name: DatasetName, config: PreprocessingConfig, *, data_dir: str | None) -> ClassificationData:
    """The data set as the preprocessing says; raises `InputError` when it cannot be read."""
    images = load_image_set(name, data_dir=data_dir, resize=config.resize, grey=config.grey)
    return prepare_images(images, config)


def classification_data_like(
    name: DatasetName,
    config: PreprocessingConfig,
    *,
    shape: tuple[int, ...],
    inputs: int,
    classes: int,
    data_dir: str | None,
) -> ClassificationData:
    """The data set brought to what a learner was built for: images of this shape, its own statistics.

    Raises `InputError` when the data set cannot be read, or has other inputs or classes than the learner.
    """
    data = prepare_images(load_image_set_like(name, shape=shape, data_dir=data_dir), config)
    for what, found, wanted in (("classes", data.classes, classes), ("features", data.inputs, inputs)):
        if found != wanted:
            raise InputError(
                f"{name} has {found} {what}, the checkpoint was trained on {wanted}; choose another --dataset"
            )
    return data


def prepare_images(images: ImageSet, config: PreprocessingConfig) -> ClassificationData:
    """Fit the features on the training split and apply them to both."""
    features = fit_features(images, config)
    return ClassificationData(
        name=images.name,
        train=SequenceSampler(features.apply(images.train), classes=images.classes),
        test=SequenceSampler(features.apply(images.test), classes=images.classes),
        inputs=input_count(images, config),
        classes=images.classes,
        shape=images.shape,
    )
