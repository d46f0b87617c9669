"""Locks that are gone are no news, any other error is."""

from collections.abc import Generator
from multiprocessing import synchronize
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_hook(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The module sets the hook as it is imported; it is put back."""
    with monkeypatch.context() as patch:
        patch.setattr("sys.excepthook", None)
        yield


def test_only_locks_that_are_gone_pass_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    from icltool.sweep.engines.server_hook import without_late_workers

    with pytest.raises(FileNotFoundError) as gone:
        object.__new__(synchronize.Lock).__setstate__((0, 1, 1, "/gone"))  # pyright: ignore[reportAttributeAccessIssue] - typeshed leaves it out
    without_late_workers(gone.type, gone.value, gone.tb)
    assert capfd.readouterr().err == ""
    with pytest.raises(FileNotFoundError) as other:
        Path("gone").read_text()
    without_late_workers(other.type, other.value, other.tb)
    assert "FileNotFoundError" in capfd.readouterr().err
