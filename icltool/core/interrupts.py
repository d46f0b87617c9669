"""SIGINT and SIGTERM as a flag that a run looks at between steps, so that it stops with its state saved."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Which signal asked this run to stop, if any; more signals while it saves change nothing."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def note(self, signal_number: int, _frame: FrameType | None) -> None:
        """A signal handler: remember the first signal."""
        if self.signal_number is None:
            self.signal_number = signal_number


@contextmanager
def deferred_interrupts() -> Generator[Interrupts]:
    """Collect signals instead of dying of them; does nothing outside the main thread, where Python forbids handlers."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
