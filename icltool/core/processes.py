"""The processes that torchrun started as one run: which of them this is."""

import os
from dataclasses import dataclass


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
