"""A file's identity by its content."""

import hashlib
from pathlib import Path

from icltool.core.files import unreadable


def sha256_of(path: Path) -> str:
    """`sha256:<hex>` of the file; raises `InputError` when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise unreadable(path, error) from None
