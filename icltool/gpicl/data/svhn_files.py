"""SVHN's cropped digits: MATLAB files with X [32, 32, 3, N] and y [N, 1], where the label 10 means the digit 0.

Shapes are read and checked before the arrays are loaded.
Source: Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers.
"""

import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
from einops import rearrange

from icltool.core.errors import InputError
from icltool.gpicl.data.idx_files import RawSplit

MAX_IMAGES = 1_000_000
IMAGE_BYTES = 32 * 32 * 3
# As much as zlib can pack into a byte.
MOST_PACKED = 1032


def read_svhn(path: Path) -> RawSplit:
    """Images and labels 0 ... 9; raises `InputError` when the file is missing, damaged or holds something else."""
    from scipy.io import loadmat, whosmat  # noqa: PLC0415 - slow to import, and needed for this format alone
    from scipy.io.matlab import MatReadError  # noqa: PLC0415 - as above

    try:
        shapes = {str(name): tuple(shape) for name, shape, _ in whosmat(path, appendmat=False)}
        _check(path, shapes)
        table = cast("dict[str, Any]", loadmat(path, appendmat=False, variable_names=["X", "y"]))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (
        MatReadError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        zlib.error,
        NotImplementedError,
        MemoryError,
    ) as error:
        raise InputError(f"{path} is not a MATLAB file that can be read ({error}); fetch it again") from None
    images, labels = np.asarray(table["X"]), np.asarray(table["y"]).reshape(-1)
    if images.dtype != np.uint8 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"{path}: X is {images.dtype} and y {labels.dtype}; SVHN has bytes and whole numbers")
    return RawSplit(images=rearrange(images, "r c h N -> N r c h"), labels=labels.astype(np.int64) % 10)


def _check(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    images, labels = shapes.get("X"), shapes.get("y")
    if images is None or labels is None or len(images) != 4 or images[:3] != (32, 32, 3):
        raise InputError(f"{path} holds {shapes}; SVHN's cropped digits are X [32, 32, 3, N] and y [N, 1]")
    if labels not in ((images[3], 1), (1, images[3])) or not 0 < images[3] <= MAX_IMAGES:
        raise InputError(f"{path} has {images[3]} images and labels of shape {labels}; fetch it again")
    if images[3] * IMAGE_BYTES > MOST_PACKED * path.stat().st_size:
        raise InputError(f"{path} claims {images[3]} images, more than there is room for in it; fetch it again")
