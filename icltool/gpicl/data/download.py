"""A file fetched once, from the first mirror that serves it whole and unchanged, into a folder."""

import logging
import weakref
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin

from icltool.core.errors import InputError

RETRIES = 2
TIMEOUT_SECONDS = 30.0
# Several times the largest of the data sets' files; what is longer is not such a file, whatever its checksum.
MAX_BYTES = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file's name, under every mirror and on disk, and its checksum (`md5:...` or `sha256:...`)."""

    name: str
    checksum: str


def fetch(
    file: RemoteFile,
    *,
    mirrors: Sequence[str],
    folder: Path,
    retries: int = RETRIES,
    allow_http: bool = False,
) -> Path:
    """The file's path in `folder`; downloaded when it is not there with the right checksum.

    Each mirror is tried `retries` times more after a failure. What is fetched replaces the file only when it is whole
    and its checksum is right; a body of more than `MAX_BYTES` is broken off. Raises `InputError` naming every mirror's
    failure. Only https is spoken, also where a mirror leads elsewhere, unless `allow_http` (for a server on one's own
    machine).
    """
    for mirror in mirrors:
        if not mirror.startswith("https://") and not (allow_http and mirror.startswith("http://")):
            raise InputError(f"{mirror} is not an https address; data sets are fetched over https only")
    failures: list[str] = []
    for mirror in mirrors:
        try:
            return _from_mirror(file, mirror=mirror, folder=folder, retries=retries, allow_http=allow_http)
        except (OSError, ValueError) as error:
            # requests' errors are OSErrors; pooch reports a wrong checksum as a ValueError.
            failures.append(f"{mirror}: {_reason(error)}")
    raise InputError(
        f"cannot fetch {file.name} ({'; '.join(failures)}); check the network, or give the folder that holds it "
        "with --data-dir"
    )


def _from_mirror(file: RemoteFile, *, mirror: str, folder: Path, retries: int, allow_http: bool) -> Path:
    import pooch  # noqa: PLC0415 - brings an HTTP client along, which only a download needs

    keeper = pooch.create(
        path=folder, base_url=mirror, registry={file.name: file.checksum}, retry_if_failed=retries, env=None
    )
    # Pooch's own downloader does not fit the type that its `fetch` declares.
    hooks = {"response": [_read_so_much] if allow_http else [_stay_on_https, _read_so_much]}
    downloader = cast("Any", pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS, hooks=hooks))
    with _quiet():
        return Path(keeper.fetch(file.name, downloader=downloader))


def _stay_on_https(response: Any, *_: Any, **_options: Any) -> None:  # noqa: ANN401 - a hook as requests calls it
    """Before a redirection is followed: an https mirror does not lead away from https."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["location"])
        if not target.startswith("https://"):
            raise ConnectionError(f"it leads to {target}, which is not an https address")


def _read_so_much(response: Any, *_: Any, **_options: Any) -> None:  # noqa: ANN401 - a hook as requests calls it
    """A body that does not end is broken off, with or without a length that tells so."""
    # Weak, or the response would hold itself, and its connection, until the garbage is collected.
    itself = weakref.ref(response)

    def limited(*arguments: Any, **options: Any) -> Iterator[bytes]:  # noqa: ANN401 - passed on as they are
        body: Any = itself()
        size = 0
        for chunk in type(body).iter_content(body, *arguments, **options):
            size += len(chunk)
            if size > MAX_BYTES:
                body.close()
                raise ConnectionError(f"it sends more than {MAX_BYTES} bytes")
            yield chunk

    response.iter_content = limited


@contextmanager
def _quiet() -> Generator[None]:
    """Pooch logs to stderr what `fetch` tells in one line when it matters."""
    import pooch  # noqa: PLC0415 - as above

    # Not the logger that `logging.getLogger` knows by this name.
    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _reason(error: Exception) -> str:
    # Of a connection that failed, the cause, without the pool and the address around it.
    cause = getattr(error.args[0], "reason", None) if error.args else None
    text = str(error if cause is None else cause).strip()
    if cause is not None:
        text = text.rpartition(": ")[2]
    if isinstance(error, ValueError) and "hash" in text.lower():
        return "its checksum is wrong"
    return text.splitlines()[0] if text else type(error).__name__
