"""Whose process this is: icltool's own, which it sets up for speed, or one that it leaves as it was.

Everything here is set for good, so that only the owner of a process can say it: the command line and the workers do,
and a notebook or a script may. What a single run sets, it puts back (`icltool.core.runtime.restored_process`).
"""

import os
import sys
import warnings

# GNU OpenMP, in torch, reads this once, when torch is imported. By default a thread that waits for the others spins
# for milliseconds and keeps them off the cores they need as soon as anything else runs. Two threads on two cores, a
# compiled training step (L = 2, b = 2, n = 31), medians in ms for 1000, 10 000, 100 000 and unset: on an idle machine
# 39.1, 38.0, 37.2 and 37.0; beside one busy process 74, 87, 150 and 207.
SPIN = "GOMP_SPINCOUNT"
SPIN_COUNT = "1000"

_whole = False


def use_whole_process() -> None:
    """Let icltool set this process up for speed, for good; call it before torch is imported.

    Threads that wait for others sleep soon (the environment variable GOMP_SPINCOUNT, unless it is set), and a run whose
    `allocator` is `keep` makes malloc hold freed memory. Warns when torch has been imported, which is too late for the
    threads; the memory is held all the same.
    """
    global _whole  # noqa: PLW0603 - one for the process, which is what it is about
    _whole = True
    if SPIN in os.environ:
        return
    if "torch" in sys.modules:
        warnings.warn("torch was imported before use_whole_process(): its threads stay as they are", stacklevel=2)
        return
    os.environ[SPIN] = SPIN_COUNT


def is_whole() -> bool:
    """Whether `use_whole_process` was called here, or in the process that this one was forked from."""
    return _whole
