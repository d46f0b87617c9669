"""The processes of a Ray, so that a test ends none but its own (Ray names a worker after its task)."""

import os
from pathlib import Path


def workers_below(ancestor: int) -> list[int]:
    """The processes in which runs of a sweep are running, of the Ray that this process has started."""
    return [process for process in _processes() if _is_at_work(process) and ancestor in ancestors(process)]


def processes_below(ancestor: int) -> list[int]:
    """All that this process has started, and what they have."""
    return [process for process in _processes() if ancestor in ancestors(process)]


def ancestors(process: int) -> list[int]:
    """The process's parent, the parent's parent and so on."""
    found: list[int] = []
    while process > 1:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            break
        process = int(status.split("PPid:")[1].split()[0])
        found.append(process)
    return found


def has_open(process: int, file: Path) -> bool:
    """Whether the process has this file open."""
    try:
        return any(entry.readlink() == file for entry in Path(f"/proc/{process}/fd").iterdir())
    except OSError:
        return False


def _processes() -> list[int]:
    return [int(process.name) for process in Path("/proc").glob("[0-9]*") if int(process.name) != os.getpid()]


def _is_at_work(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::_work")
    except OSError:
        return False
