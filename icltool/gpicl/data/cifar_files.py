"""CIFAR-10's binary version (no pickle): records of a label byte and 3072 bytes, red, green, blue planes of 32 × 32.

Read from the archive itself, or from the folder it unpacks to. Nothing is extracted to disk.
Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from einops import rearrange

from icltool.core.errors import InputError
from icltool.gpicl.data.idx_files import GZIP_MAGIC, RawSplit

RECORD = 1 + 3 * 32 * 32
# The publisher's batches have 10 000 records; more than ten times that is not a batch of CIFAR-10.
MAX_BYTES = 100_000 * RECORD
# The publisher's archive has 184 million.
MAX_ARCHIVE_BYTES = 500_000_000
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)


def read_cifar(path: Path) -> tuple[RawSplit, RawSplit]:
    """The training and the test split; raises `InputError` when a batch is missing or odd."""
    try:
        if path.is_dir():
            return _splits(path, lambda name: _from_folder(path / name))
        with tarfile.open(fileobj=io.BytesIO(_unpacked(path)), mode="r:") as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}

            def from_archive(name: str) -> bytes:
                member = members.get(name)
                stream = None if member is None else archive.extractfile(member)
                if member is None or stream is None:
                    raise InputError(f"{path} holds no {name}; it is not CIFAR-10's binary version")
                _require_size(path, name, member.size)
                return stream.read()

            return _splits(path, from_archive)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged archive ({error}); fetch it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _unpacked(path: Path) -> bytes:
    """The archive without its compression; what is larger than an archive is not unpacked."""
    with path.open("rb") as raw:
        compressed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        content = (gzip.GzipFile(fileobj=raw) if compressed else raw).read(MAX_ARCHIVE_BYTES + 1)
    if len(content) > MAX_ARCHIVE_BYTES:
        raise InputError(f"{path} unpacks to more than {MAX_ARCHIVE_BYTES} bytes; it is not CIFAR-10's binary version")
    return content


def _splits(path: Path, read: Callable[[str], bytes]) -> tuple[RawSplit, RawSplit]:
    return _split_of(path, [read(name) for name in TRAIN]), _split_of(path, [read(name) for name in TEST])


def _from_folder(file: Path) -> bytes:
    _require_size(file.parent, file.name, file.stat().st_size)
    return file.read_bytes()


def _require_size(path: Path, name: str, size: int) -> None:
    if size == 0 or size % RECORD or size > MAX_BYTES:
        raise InputError(f"{path}: {name} has {size} bytes, no whole number of CIFAR-10's records of {RECORD}")


def _split_of(path: Path, batches: list[bytes]) -> RawSplit:
    records = np.concatenate([np.frombuffer(batch, dtype=np.uint8).reshape(-1, RECORD) for batch in batches])
    labels = records[:, 0]
    if labels.max() > 9:
        raise InputError(f"{path}: a label is {labels.max()}, CIFAR-10 has 0 to 9; the file is damaged")
    return RawSplit(images=rearrange(records[:, 1:], "N (h r c) -> N r c h", h=3, r=32), labels=labels)
