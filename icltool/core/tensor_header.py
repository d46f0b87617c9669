"""The JSON header of a tensor file by itself: what is in the file, known without its tensors and without PyTorch."""

import json
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open

from icltool.core.errors import InputError
from icltool.core.files import unreadable

METADATA_KEY = "icltool"
FORMAT_VERSION = 1
MAX_HEADER_BYTES = 16_000_000
# How a zip archive begins, which is what torch.save writes; as the length of a header it would be more than is read.
ZIP = b"PK\x03\x04"


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a file icltool wrote, without reading its tensors.

    Raises `InputError` for a missing path, a folder, a truncated or foreign file, and a newer format.
    """
    metadata = raw_metadata(path)
    if metadata is None or METADATA_KEY not in metadata:
        raise InputError(
            f"{path} is a safetensors file, but not one that icltool wrote (its header has no icltool entry)"
        )
    try:
        header = json.loads(str(metadata[METADATA_KEY]))
    except (ValueError, RecursionError):
        raise InputError(f"{path} has a damaged icltool header; write it again") from None
    version = cast("dict[str, Any]", header).get("format") if isinstance(header, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{path} has an icltool header without a format version; write it again")
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path} has format {version}, newer than this icltool reads ({FORMAT_VERSION}); update icltool"
        )
    return cast("dict[str, Any]", header)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The tensors' names and shapes, read from the header alone."""
    raw_metadata(path)
    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} is truncated or damaged ({error}); write or copy it again") from None


def raw_metadata(path: Path) -> dict[str, Any] | None:
    """The safetensors `__metadata__` table, None where there is none; length is checked before reading.

    Raises `InputError` as `read_header` does.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a .safetensors file in it")
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(8)
            if start.startswith(ZIP):
                raise InputError(
                    f"{path} is not a safetensors file but an archive, as torch.save writes; "
                    "icltool import-checkpoint brings an official .pt file in"
                )
            length = int.from_bytes(start, "little")
            if size < 8 or length > size - 8:
                raise InputError(f"{path} is truncated or not a safetensors file ({size} bytes)")
            if length > MAX_HEADER_BYTES:
                raise InputError(f"{path} claims a header of {length} bytes; more than {MAX_HEADER_BYTES} is not read")
            text = stream.read(length)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is not a safetensors file (its header is not JSON)") from None
    if not isinstance(table, dict):
        raise InputError(f"{path} is not a safetensors file (its header is not a table)")
    metadata = cast("dict[str, Any]", table).get("__metadata__")
    return cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else None
