"""The next steps' data made in a thread while a step is computed.

What a step gets is a pure function of the step, so neither the thread nor how far ahead it is changes anything.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

AHEAD = 2

Data = TypeVar("Data")


class Prefetcher(Generic[Data]):
    """`prefetcher(step)` returns `make(step)`, and has the steps after it, up to `last`, made meanwhile.

    A context manager: leaving it waits for the thread. An error in `make` is raised where its step is asked for.
    """

    def __init__(self, make: Callable[[int], Data], *, last: int, ahead: int = AHEAD) -> None:
        self._make = make
        self._last = last
        self._ahead = ahead
        self._pending: dict[int, Future[Data]] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")

    def __call__(self, step: int) -> Data:
        """The data of a step."""
        wanted = range(step, min(step + self._ahead, self._last) + 1)
        for old in [known for known in self._pending if known not in wanted]:
            self._pending.pop(old).cancel()
        for ahead in wanted:
            if ahead not in self._pending:
                self._pending[ahead] = self._pool.submit(self._make, ahead)
        # No thread makes a step beyond the last: it is made on the spot.
        return self._pending.pop(step).result() if step in self._pending else self._make(step)

    def __enter__(self) -> "Prefetcher[Data]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
