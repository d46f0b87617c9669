"""Labelled images behind one small interface: a training and a test split, a shape, a number of classes.

`digits` (scikit-learn's, embedded) and `random` need no files. The others are read from `--data-dir`, or downloaded
once into the platform's cache folder; see `dataset_files.py`.

Legend: N images, p numbers of an image (rows × columns × channels, flattened in this order).
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from icltool.core.errors import InputError
from icltool.core.seeding import generator
from icltool.gpicl.data.config import CLASSES, DatasetName
from icltool.gpicl.data.dataset_files import read_dataset
from icltool.gpicl.data.idx_files import RawSplit

CHUNK = 2048
# ITU-R BT.601: how bright red, green and blue look.
LUMA = (0.299, 0.587, 0.114)
DIGITS_TEST = 360
RANDOM_POINTS = 10
RANDOM_SHAPE = (8, 8)
# The splits of the embedded sets are part of what the sets are: no run's seed changes them.
SPLIT_SEED = 0


def convert_images(
    images: UInt8[np.ndarray, "N r c h"], *, size: tuple[int, int], grey: bool = False
) -> Float[Tensor, "N p"]:
    """Images as float32 in [0, 1], flattened as (rows, columns, channels).

    Another size is reached by bilinear interpolation with antialiasing; grey is BT.601 luma.
    """
    parts = [_convert(images[start : start + CHUNK], size=size, grey=grey) for start in range(0, len(images), CHUNK)]
    return torch.cat(parts)


def _convert(images: UInt8[np.ndarray, "N r c h"], *, size: tuple[int, int], grey: bool) -> Float[Tensor, "N p"]:
    # Copied: what was read from a file may not be written to, which torch does not take.
    planes = rearrange(torch.from_numpy(np.array(images)).float() / 255, "N r c h -> N h r c")
    if grey and planes.shape[1] == len(LUMA):
        planes = (planes * rearrange(torch.tensor(LUMA), "h -> h 1 1")).sum(1, keepdim=True)
    if planes.shape[2:] != size:
        planes = interpolate(planes, size=size, mode="bilinear", antialias=True, align_corners=False)
        # Antialiasing's weights sum to 1 up to rounding.
        planes = planes.clamp(0, 1)
    return rearrange(planes, "N h r c -> N (r c h)")


@dataclass(frozen=True, kw_only=True)
class ImageSplit:
    """Images, float32 in [0, 1], and their labels 0 ... classes - 1."""

    images: Float[Tensor, "N p"]
    labels: Int[Tensor, "N"]

    def __len__(self) -> int:
        return self.labels.shape[0]


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """A data set. `shape` is (rows, columns) or (rows, columns, channels) of an image before flattening."""

    name: str
    train: ImageSplit
    test: ImageSplit
    classes: int
    shape: tuple[int, ...]

    @property
    def pixels(self) -> int:
        """Numbers of an image."""
        return self.train.images.shape[1]


def load_image_set(
    name: DatasetName, *, data_dir: str | None = None, resize: int | None = None, grey: bool = False
) -> ImageSet:
    """The data set at its own size, or square with side `resize`, in colour or grey.

    Raises `InputError` when files are missing, malformed or cannot be downloaded.
    """
    match name:
        case "digits":
            train, test = _digits()
        case "random":
            return _random_set((resize, resize) if resize else RANDOM_SHAPE)
        case _:
            train, test = read_dataset(name, data_dir=data_dir)
    native = train.images.shape[1:3]
    return _converted(name, train, test, size=(resize, resize) if resize else native, grey=grey)


def load_image_set_like(name: DatasetName, *, shape: tuple[int, ...], data_dir: str | None = None) -> ImageSet:
    """The data set brought to the shape of another one's images: its size, and its channels."""
    if name == "random":
        return _random_set(shape)
    train, test = _digits() if name == "digits" else read_dataset(name, data_dir=data_dir)
    found = _converted(name, train, test, size=(shape[0], shape[1]), grey=len(shape) == 2)
    if len(shape) == 3 and len(found.shape) == 2:
        return _in_colour(found, channels=shape[2])
    return found


def _converted(name: str, train: RawSplit, test: RawSplit, *, size: tuple[int, int], grey: bool) -> ImageSet:
    for split, which in ((train, "training"), (test, "test")):
        if not len(split.labels):
            raise InputError(f"{name}: the {which} split is empty; fetch the data set again")
        if split.labels.min() < 0 or split.labels.max() >= CLASSES:
            raise InputError(f"{name}: a label of the {which} split is not one of 0 to {CLASSES - 1}")
    channels = 1 if grey else train.images.shape[3]
    return ImageSet(
        name=name,
        train=_split(train, size=size, grey=grey),
        test=_split(test, size=size, grey=grey),
        classes=CLASSES,
        shape=tuple(size) if channels == 1 else (*size, channels),
    )


def _split(raw: RawSplit, *, size: tuple[int, int], grey: bool) -> ImageSplit:
    images = convert_images(raw.images, size=size, grey=grey)
    return ImageSplit(images=images, labels=torch.from_numpy(raw.labels.astype("int64")))


def _in_colour(images: ImageSet, *, channels: int) -> ImageSet:
    """Grey images as colour ones: the same value in each channel."""

    def widen(split: ImageSplit) -> ImageSplit:
        return ImageSplit(images=split.images.repeat_interleave(channels, dim=1), labels=split.labels)

    return ImageSet(
        name=images.name,
        train=widen(images.train),
        test=widen(images.test),
        classes=images.classes,
        shape=(*images.shape, channels),
    )


def _digits() -> tuple[RawSplit, RawSplit]:
    """Scikit-learn's 1797 digits of 8 × 8 pixels, split at random once and for all: 360 are test images."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to import, and needed for this set alone

    table, labels = load_digits(return_X_y=True)
    # Sixteen grey levels; 0 ... 16 becomes 0 ... 255.
    images = rearrange((table * (255 / 16)).round().astype("uint8"), "N (r c) -> N r c 1", r=8)
    order = torch.randperm(len(images), generator=generator(SPLIT_SEED, "digits", "split")).numpy()
    test, train = order[:DIGITS_TEST], order[DIGITS_TEST:]
    return RawSplit(images=images[train], labels=labels[train]), RawSplit(images=images[test], labels=labels[test])


def _random_set(shape: tuple[int, ...]) -> ImageSet:
    """Ten points x ~ U(0, 1), a class each, dealt at random: one fixed set, so both splits are the same.

    A sequence draws them with repetition, so whoever stores the context is right as soon as a point comes back. The
    labels are distinct, so that guessing is right once in ten.
    """
    random = generator(SPLIT_SEED, "random", *shape)
    numbers = int(torch.tensor(shape).prod())
    points = torch.rand(RANDOM_POINTS, numbers, generator=random)
    labels = torch.randperm(RANDOM_POINTS, generator=random)
    split = ImageSplit(images=points, labels=labels)
    return ImageSet(name="random", train=split, test=split, classes=CLASSES, shape=shape)
