"""The one format of tensors on disk: safetensors with exactly one metadata key holding sorted JSON.

The header holds no path, time or rate, so equal runs give equal bytes (safetensors itself writes several metadata keys
in random order). Nothing is ever unpickled, and sizes are checked before anything is allocated.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from icltool.core.errors import InputError
from icltool.core.files import unreadable, write_atomically

METADATA_KEY = "icltool"
FORMAT_VERSION = 1
MAX_HEADER_BYTES = 16_000_000


@dataclass(frozen=True, kw_only=True)
class TensorFile:
    """Named tensors and the JSON header that travels with them."""

    header: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def write_tensor_file(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and header atomically; `format` is added to the header."""
    write_atomically(path, packed(tensors, header))


def packed(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """Tensors and header as the bytes of a file."""
    text = json.dumps({**header, "format": FORMAT_VERSION}, sort_keys=True, separators=(",", ":"))
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, metadata={METADATA_KEY: text})


def unpacked(content: bytes) -> TensorFile:
    """What `packed` has made, not checked as a file is."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][METADATA_KEY])
    return TensorFile(header=header, tensors=safetensors.torch.load(content))


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a file icltool wrote, without reading its tensors.

    Raises `InputError` for a missing path, a folder, a truncated or foreign file, and a newer format.
    """
    metadata = _raw_metadata(path)
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


def read_tensor_file(path: Path) -> TensorFile:
    """Header and tensors (on the CPU) of a file icltool wrote; raises `InputError` as `read_header` does."""
    header = read_header(path)
    return TensorFile(header=header, tensors=read_plain_tensors(path))


def read_plain_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of any safetensors file; raises `InputError` when it is missing, truncated or malformed."""
    _raw_metadata(path)
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is truncated or damaged ({error}); write or copy it again") from None


def _raw_metadata(path: Path) -> dict[str, Any] | None:
    """The safetensors `__metadata__` table, checking length before reading and structure before trusting."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a .safetensors file in it")
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
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


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The tensors' names and shapes, read from the header alone."""
    _raw_metadata(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} is truncated or damaged ({error}); write or copy it again") from None
