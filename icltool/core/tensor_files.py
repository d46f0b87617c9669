"""The one format of tensors on disk: safetensors with exactly one metadata key holding sorted JSON.

The header holds no path, time or rate, so equal runs give equal bytes (safetensors itself writes several metadata keys
in random order). Nothing is ever unpickled, and sizes are checked before anything is allocated.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from icltool.core.errors import InputError
from icltool.core.files import write_atomically
from icltool.core.tensor_header import FORMAT_VERSION, METADATA_KEY, raw_metadata, read_header


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


def read_tensor_file(path: Path) -> TensorFile:
    """Header and tensors (on the CPU) of a file icltool wrote; raises `InputError` as `read_header` does."""
    header = read_header(path)
    return TensorFile(header=header, tensors=read_plain_tensors(path))


def read_plain_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of any safetensors file; raises `InputError` when it is missing, truncated or malformed."""
    raw_metadata(path)
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is truncated or damaged ({error}); write or copy it again") from None
