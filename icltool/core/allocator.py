"""glibc's malloc told to keep freed memory, so that a training step does not page-fault its tensors in anew.

A step frees and allocates the same large tensors again and again; by default glibc returns them to the kernel.
Process-wide and harmless elsewhere: without glibc nothing happens. `--allocator system` leaves it alone.
"""

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4
INT_MAX = 2**31 - 1
TOP_PAD_BYTES = 64 * 2**20


def keep_freed_memory() -> bool:
    """Serve every allocation from a heap that never shrinks; returns whether glibc took all the settings."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, INT_MAX), (M_TOP_PAD, TOP_PAD_BYTES))
    taken = [mallopt(parameter, value) == 1 for parameter, value in settings]
    return all(taken)
