"""The IDX format of MNIST and its kin, gzip-compressed or not; sizes are checked before anything is allocated.

Layout: two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit
number, then the data.

Legend: N images, r rows, c columns, h channels.
"""

import gzip
import zlib
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8

from icltool.core.errors import InputError

UNSIGNED_BYTE = 8
MAX_BYTES = 1_000_000_000
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path, *, dims: int) -> UInt8[np.ndarray, "..."]:
    """The array in an IDX file of unsigned bytes with this many dimensions.

    Raises `InputError` when the file is missing, of another format, or shorter or longer than its header says.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            return _read(gzip.GzipFile(fileobj=raw) if compressed else raw, path, dims=dims)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _read(stream: BufferedIOBase, path: Path, *, dims: int) -> UInt8[np.ndarray, "..."]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTE:
        raise InputError(f"{path} is not an IDX file of bytes (it starts with {magic.hex() or 'nothing'})")
    if magic[3] != dims:
        raise InputError(f"{path} has {magic[3]} dimensions, expected {dims}; are images and labels mixed up?")
    header = stream.read(4 * dims)
    if len(header) < 4 * dims:
        raise InputError(f"{path} is cut off in its header; fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(header, dtype=">u4"))
    # Python's integers: the product of a hostile header does not overflow.
    expected = 1
    for size in shape:
        expected *= size
    if not 0 < expected <= MAX_BYTES:
        raise InputError(f"{path} claims {' × '.join(map(str, shape))} bytes; 1 to {MAX_BYTES} are read")
    content = stream.read(expected)
    if len(content) < expected or stream.read(1):
        found = f"only {len(content)}" if len(content) < expected else "more"
        raise InputError(f"{path} should hold {expected} bytes of data and holds {found}; fetch it again")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


@dataclass(frozen=True, kw_only=True)
class RawSplit:
    """Images as stored, and their labels."""

    images: UInt8[np.ndarray, "N r c h"]
    labels: Integer[np.ndarray, "N"]
