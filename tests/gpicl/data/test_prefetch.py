"""The prefetcher gives what was made for the step, ahead of time, and errors where they belong."""

import threading

import pytest

from icltool.gpicl.data.prefetch import Prefetcher


def test_each_step_gets_its_own_data_made_once_and_ahead() -> None:
    made: list[int] = []
    ahead = threading.Event()

    def make(step: int) -> int:
        made.append(step)
        if step == 3:
            ahead.set()
        return step * step

    with Prefetcher(make, last=5) as source:
        assert source(1) == 1
        # Step 3 is made though nobody asked for it yet.
        assert ahead.wait(5)
        assert [source(step) for step in range(2, 6)] == [4, 9, 16, 25]
    assert made == [1, 2, 3, 4, 5]


def test_any_order_of_steps_works() -> None:
    with Prefetcher(lambda step: -step, last=10) as source:
        assert [source(step) for step in (4, 5, 2, 2, 10, 11, 4)] == [-4, -5, -2, -2, -10, -11, -4]


def test_an_error_is_raised_at_its_step() -> None:
    def make(step: int) -> int:
        return 1 // (3 - step)

    with Prefetcher(make, last=9) as source:
        assert source(1) == 0
        assert source(2) == 1
        with pytest.raises(ZeroDivisionError):
            source(3)


def test_leaving_ends_the_thread() -> None:
    with Prefetcher(lambda step: step, last=100) as source:
        source(1)
        assert [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]
