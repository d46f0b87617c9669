"""Signals to this very process: the first counts, later ones change nothing, and the handlers come back."""

import os
import signal
import threading
from collections.abc import Generator
from types import FrameType

import pytest

from icltool.core.errors import InterruptedRun
from icltool.core.interrupts import Interrupts, deferred_interrupts, ending_at_the_first_signal

NUMBERS = (signal.SIGINT, signal.SIGTERM)
heard: list[int] = []


def note(number: int, _frame: FrameType | None) -> None:
    heard.append(number)


@pytest.fixture(autouse=True)
def own_handlers() -> Generator[None]:
    """A signal that nobody holds back is noted here, and ends no test."""
    before = {number: signal.signal(number, note) for number in NUMBERS}
    heard.clear()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_deferred_signals_wait_and_the_first_is_kept() -> None:
    with deferred_interrupts() as interrupts:
        assert interrupts.signal_number is None
        send(signal.SIGTERM)
        send(signal.SIGINT)
        assert interrupts.signal_number == signal.SIGTERM
    assert heard == []
    send(signal.SIGINT)
    assert heard == [signal.SIGINT], "the handlers are those of before"


def test_elsewhere_than_in_the_main_thread_nothing_is_deferred() -> None:
    found: list[Interrupts] = []

    def defer() -> None:
        with deferred_interrupts() as interrupts:
            send(signal.SIGTERM)
            found.append(interrupts)

    thread = threading.Thread(target=defer)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert [interrupts.signal_number for interrupts in found] == [None]
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, InterruptedRun)])
def test_the_first_signal_ends_a_program_and_later_ones_do_not(number: int, raised: type[BaseException]) -> None:
    cleaned = False

    def program() -> None:
        nonlocal cleaned
        try:
            send(number)
        finally:
            for later in NUMBERS:
                send(later)
            cleaned = True

    with pytest.raises(raised), ending_at_the_first_signal():
        program()
    assert cleaned
    assert heard == []


def test_a_terminated_program_says_so_by_its_exit_code() -> None:
    with pytest.raises(InterruptedRun) as stopped, ending_at_the_first_signal():
        send(signal.SIGTERM)
    assert stopped.value.exit_code == 143


def test_without_a_signal_the_handlers_come_back() -> None:
    with ending_at_the_first_signal():
        assert signal.getsignal(signal.SIGTERM) is not note
    assert [signal.getsignal(number) for number in NUMBERS] == [note, note]
