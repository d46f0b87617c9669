"""Waits that end: after so many seconds a test fails and says what it waited for."""

import subprocess
import time
from collections.abc import Callable

import pytest

PATIENCE = 120.0


def wait_until(come: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    """Look again and again."""
    deadline = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < deadline, f"still waiting for {what} after {seconds:g} s"
        time.sleep(0.01)


def wait_beside(process: subprocess.Popen[str], come: Callable[[], bool], what: str) -> None:
    """Until then the process must not end."""
    wait_until(lambda: come() or process.poll() is not None, what)
    if process.poll() is not None:
        pytest.fail(f"it ended while the test waited for {what}: {said_by(process)}")


def said_by(process: subprocess.Popen[str], *, seconds: float = PATIENCE) -> tuple[str, str]:
    """What the process has printed on stdout and stderr, once it has ended; one that does not end is killed."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"still at work after {seconds:g} s: {process.args}; {process.communicate(timeout=10)}")
