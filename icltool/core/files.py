"""Writes that never lose what was there (temporary file, fsync, rename, fsync of the folder), failed reads."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from difflib import get_close_matches
from glob import escape
from itertools import islice
from pathlib import Path

from icltool.core.errors import InputError, OutputError

_ADVICE = {errno.EISDIR: "give a file in it", errno.EACCES: "check who may read it"}


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, or leave it exactly as it was and raise `OutputError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        _remove_quietly(temporary)
        raise OutputError(f"cannot write {path}: {error.strerror or error}; what was there before is intact") from None


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; only for who has the folder to itself."""
    for leftover in folder.glob(".*.[0-9]*.tmp"):
        _remove_quietly(leftover)


def make_folder(path: Path) -> None:
    """Create a folder and its parents, or raise `OutputError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create the folder {path}: {error.strerror}; choose another --out") from None


def unreadable(path: Path, error: OSError) -> InputError:
    """The error to raise when a file cannot be read; it names the path that was perhaps meant."""
    advice = _ADVICE.get(error.errno or 0, "check the path")
    if error.errno == errno.ENOENT:
        near = nearest_path(path)
        below = [] if near else list(islice(_below(path), 2))
        if near or below:
            advice = f"did you mean {near or below[0]}?" + (" (there are more)" if len(below) > 1 else "")
    return InputError(f"cannot read {path}: {error.strerror or error}; {advice}")


def _below(path: Path) -> Iterator[Path]:
    """Where a file of this name is further down: the folder of all runs was given for one of them."""
    for above in ("*", "*/*"):
        yield from sorted(path.parent.glob(f"{above}/{escape(path.name)}"))


def nearest_path(path: Path) -> Path | None:
    """The existing path that a missing one misspells or breaks off; None when there is no such path."""
    found = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        if not (found / part).exists():
            names = _names_in(found)
            near = get_close_matches(part, names, n=1, cutoff=0.7) or [name for name in names if name.startswith(part)]
            if not near:
                return None
            part = near[0]  # noqa: PLW2901 - the part as it is spelled on the disk
        found /= part
    return found


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; some file systems refuse to sync a folder, which is harmless."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_quietly(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """`sha256:<hex>` of the file; raises `InputError` when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise unreadable(path, error) from None
