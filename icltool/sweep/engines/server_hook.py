"""What the server that workers are forked from is told before it imports torch; those forked from it inherit it.

The server calls nothing: it imports the modules that it is given by name. So this one acts as it is imported, in the
server and nowhere else.
"""

import sys
from multiprocessing import forkserver, synchronize
from types import TracebackType

from icltool.core.whole_process import use_whole_process


def ignore_lost_locks(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Python's own hook, but for locks of other processes that are gone.

    Where a sweep is interrupted while a worker starts, the locks that the worker is to share are gone, and Python would
    print a traceback among the lines of the sweep.
    """
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    gone = last is not None and last.tb_frame.f_code.co_filename == synchronize.__file__
    if not (gone and isinstance(error, FileNotFoundError)):
        sys.__excepthook__(kind, error, trace)


def is_fork_server() -> bool:
    """Whether this process is the server: its program is the one line that runs `multiprocessing.forkserver.main`."""
    return getattr(sys.modules["__main__"], "main", None) is forkserver.main


if is_fork_server():
    use_whole_process()
    sys.excepthook = ignore_lost_locks
