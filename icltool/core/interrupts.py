"""SIGINT and SIGTERM as a flag that a run looks at between steps, so that it stops with its state saved."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from icltool.core.errors import InterruptedRun


class Interrupts:
    """Which signal asked this run to stop, if any; more signals while it saves change nothing."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def note(self, signal_number: int, _frame: FrameType | None) -> None:
        """A signal handler: remember the first signal."""
        if self.signal_number is None:
            self.signal_number = signal_number


class FirstSignal:
    """A program's answer to SIGINT and SIGTERM: the first ends it, and those after the first change nothing."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __call__(self, signal_number: int, _frame: FrameType | None) -> NoReturn:
        """A signal handler: raise what ends the program."""
        for number in self.NUMBERS:
            signal.signal(number, signal.SIG_IGN)
        if signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        raise InterruptedRun("interrupted", signal_number=signal_number)


@contextmanager
def ending_at_the_first_signal() -> Generator[None]:
    """Answer signals as a program does; puts back what was there before when none has come."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, FirstSignal()) for number in FirstSignal.NUMBERS}
    answered = False
    try:
        yield
    except InterruptedRun:
        answered = True
        raise
    finally:
        for number, handler in before.items():
            if isinstance(signal.getsignal(number), FirstSignal):
                signal.signal(number, signal.SIG_IGN if answered else handler)


@contextmanager
def held_signals() -> Generator[None]:
    """Keep SIGINT and SIGTERM waiting; a process that is started meanwhile keeps them waiting until `let_signals_in`.

    For a helper that must outlive a signal to the whole group (a Ctrl-C): its parent answers for it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, FirstSignal.NUMBERS)
    try:
        yield
    finally:
        let_signals_in()


def let_signals_in() -> None:
    """What has been kept waiting comes now (Windows keeps nothing waiting)."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FirstSignal.NUMBERS)


@contextmanager
def deferred_interrupts() -> Generator[Interrupts]:
    """Collect signals instead of dying of them; does nothing outside the main thread, where Python forbids handlers."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.note) for number in FirstSignal.NUMBERS}
    answered = False
    try:
        yield interrupts
    except InterruptedRun:
        answered = True
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if answered and isinstance(handler, FirstSignal) else handler)
