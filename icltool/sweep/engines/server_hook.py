"""A worker that starts when its sweep has just ended has nothing to say.

To be imported in the server that workers are forked from, and nowhere else. Where a sweep is interrupted while a worker
starts, the locks that the worker is to share are gone, and Python would print a traceback among the lines of the sweep.
"""

import sys
from multiprocessing import synchronize
from types import TracebackType


def without_late_workers(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Python's own hook, but for locks of other processes that are gone."""
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    gone = last is not None and last.tb_frame.f_code.co_filename == synchronize.__file__
    if not (gone and isinstance(error, FileNotFoundError)):
        sys.__excepthook__(kind, error, trace)


# The server imports by name and calls nothing; those forked from it inherit the hook.
sys.excepthook = without_late_workers
