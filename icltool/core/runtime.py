"""The machine a run computes on: device, threads, precision, determinism, memory.

A training step frees and allocates the same large tensors again and again. By default glibc returns them to the kernel,
and they are page-faulted in anew; `keep_freed_memory` tells its malloc to keep them. That is process-wide and for good,
so it is done only where icltool has the process to itself.
"""

import ctypes
import logging
import os
import platform
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from icltool import __version__
from icltool.core.processes import available_threads, launched, pick_device
from icltool.core.result import Value
from icltool.core.runtime_config import RuntimeConfig
from icltool.core.whole_process import is_whole

log = logging.getLogger(__name__)


M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4
INT_MAX = 2**31 - 1
TOP_PAD_BYTES = 64 * 2**20
CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A prepared machine."""

    device: torch.device
    precision: str
    compiled: bool

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a forward pass: bf16 matrix products when asked for, else nothing."""
        if self.precision == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()


@contextmanager
def restored_process() -> Generator[None]:
    """Put back, at the end, what `prepare` has set meanwhile: threads, deterministic mode, the workspace of cuBLAS.

    It decorates a study's `run`, so that a run in a notebook leaves it as it was.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory  # pyright: ignore[reportAttributeAccessIssue] - a property torch installs on the module
    workspace = os.environ.get(CUBLAS_WORKSPACE)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fills  # pyright: ignore[reportAttributeAccessIssue] - a property torch installs on the module
        if workspace is None:
            os.environ.pop(CUBLAS_WORKSPACE, None)


def prepare(config: RuntimeConfig) -> Runtime:
    """Set the process up as a resolved config says; raises `UsageError` when its device is absent.

    The threads and the deterministic mode stay until the end of `restored_process`, or else for good.
    """
    processes = launched()
    device = torch.device(pick_device(config.device))
    if config.allocator == "keep" and is_whole():
        keep_freed_memory()
    # The threads are the run's; its processes on this machine share them, so that their number is not a setting.
    torch.set_num_threads(max(1, (config.threads or available_threads()) // processes.local_count))
    if device.type == "cuda":
        if processes.count > 1:
            device = torch.device("cuda", processes.local_rank)
            torch.cuda.set_device(device)
        # cuBLAS is deterministic only with a fixed workspace, which must be set before its first use.
        os.environ.setdefault(CUBLAS_WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(mode=True)
    # Deterministic mode also fills every new tensor, a debugging aid that costs some 4 % of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue] - a property torch installs on the module
    if config.precision == "bf16" and device.type == "cpu" and not _multiplies_bf16():
        log.warning("--precision bf16: this processor has no bf16 products; f32 is faster here")
    return Runtime(device=device, precision=config.precision, compiled=config.compile == "on")


def environment(runtime: Runtime) -> dict[str, Value]:
    """Versions and machine, as recorded beside every result."""
    return {
        "icltool": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "device": torch.cuda.get_device_name() if runtime.device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "precision": runtime.precision,
        **({"processes": launched().count} if launched().count > 1 else {}),
    }


def _multiplies_bf16() -> bool:
    """Whether the processor has instructions for bf16 products; an older torch cannot tell, and is taken to say yes."""
    ask = getattr(torch.cpu, "get_capabilities", None)
    return ask is None or any(has for name, has in ask().items() if "bf16" in name)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


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
