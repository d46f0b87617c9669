"""Which device and how many threads this process may use."""

import os

from icltool.core.errors import UsageError


def pick_device(wanted: str) -> str:
    """`cpu` or `cuda` for a wish; raises `UsageError` when cuda is asked for and absent."""
    import torch  # noqa: PLC0415 - to count threads takes no torch

    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise UsageError("--device cuda: this machine has no CUDA device that torch can use; choose cpu or auto")
    return "cuda" if wanted == "cuda" or (wanted == "auto" and present) else "cpu"


def available_threads() -> int:
    """How many CPU threads this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
