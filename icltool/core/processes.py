"""This process on its machine: which of a torchrun's processes it is, its threads and its device."""

import os
from dataclasses import dataclass

from icltool.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process's `rank` among `count`, and its place on this machine. Rank 0 leads: it alone writes and prints."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    @property
    def follows(self) -> bool:
        """Whether this process works for another that leads."""
        return self.rank > 0


def launched() -> Processes:
    """What torchrun has put into the environment; a process that it did not start is alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Processes()
    names = {"rank": "RANK", "count": "WORLD_SIZE", "local_rank": "LOCAL_RANK", "local_count": "LOCAL_WORLD_SIZE"}
    return Processes(**{field: int(os.environ[name]) for field, name in names.items()})


def pick_device(wanted: str) -> str:
    """`cpu` or `cuda` for a wish; raises `UsageError` when cuda is asked for and absent."""
    import torch  # noqa: PLC0415 - settings and plans ask for threads alone, and must not load it

    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise UsageError("--device cuda: this machine has no CUDA device that torch can use; choose cpu or auto")
    return "cuda" if wanted == "cuda" or (wanted == "auto" and present) else "cpu"


def available_threads() -> int:
    """How many CPU threads this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
