"""Every reader on hostile files: a value or one clear error, in time, in little memory, and nothing written."""

import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings

from icltool.core.errors import IcltoolError
from tests.conftest import Counts
from tests.fuzz.formats import FORMATS, bombs

SECONDS = 20
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
# Beyond what the process has: the files are of kilobytes, and their claims must not be believed.
SPARE_BYTES = 2 * 2**30


@contextmanager
def little_time_and_memory() -> Generator[None]:
    """Within it a hang is an error, and so is a large allocation."""

    def too_long(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"more than {SECONDS} s on one file")

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, most))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (before, most))
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_file_is_read(name: str, tmp_path: Path) -> None:
    """Else the hostile ones, made from it, would show nothing."""
    file = tmp_path / FORMATS[name].file
    file.write_bytes(FORMATS[name].good)
    with little_time_and_memory():
        assert FORMATS[name].read(file) is not None


@pytest.mark.parametrize("inputs", [150, pytest.param(2000, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", FORMATS)
def test_a_hostile_file_is_read_or_refused(name: str, inputs: int, tmp_path: Path, counts: Counts) -> None:
    known = FORMATS[name]
    file = tmp_path / "in" / known.file
    file.parent.mkdir()
    seen = 0
    messages: list[str] = []

    @settings(max_examples=inputs, deadline=None, database=None, suppress_health_check=SLOW)
    @given(content=known.inputs)
    def read(content: bytes) -> None:
        nonlocal seen
        seen += 1
        file.write_bytes(content)
        try:
            with little_time_and_memory():
                known.read(file)
        except IcltoolError as error:
            messages.append(str(error))
        assert [entry.name for entry in file.parent.iterdir()] == [known.file]

    read()
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]
    assert seen >= inputs
    assert bool(messages) == known.refuses
    assert [message for message in messages if str(file) not in message] == [], "an error must name the file"
    counts.add("hostile files", seen)
    counts.add("hostile files, refused with one line", len(messages))


def test_what_unpacks_to_far_more_than_it_is_is_not_unpacked(
    tmp_path: Path, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that claims too much, in each format that packs."""
    monkeypatch.setattr("icltool.gpicl.data.cifar_files.MAX_ARCHIVE_BYTES", 10**7)
    for name, content in bombs().items():
        file = tmp_path / FORMATS[name].file
        file.write_bytes(content)
        with pytest.raises(IcltoolError, match=str(file)), little_time_and_memory():
            FORMATS[name].read(file)
        counts.add("bombs not unpacked")
