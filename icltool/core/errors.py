"""The one family of errors. Each message says what is wrong, where, and what to do."""

import signal


class IcltoolError(Exception):
    """The request cannot be done. `exit_code` is what the command line returns for it."""

    exit_code = 1


class UsageError(IcltoolError):
    """The command or a setting is wrong: an unknown option, a value out of range, a contradiction."""

    exit_code = 2


class InputError(IcltoolError):
    """Something read from outside (a file, a table, a checkpoint) is missing or malformed."""


class OutputError(IcltoolError):
    """Something could not be written; what was on disk before is intact."""


class RunFolderError(IcltoolError):
    """A run folder is in use, unfinished, or holds another run."""


class DivergedError(IcltoolError):
    """Training met a loss that is not finite; the last good state is kept."""

    exit_code = 3


class LostProcessError(IcltoolError):
    """A process that shared a step is gone. Nothing of the step has happened: the state of the step before is whole."""


class InterruptedRun(IcltoolError):
    """A signal asked a run to stop; its state is saved. The exit code is 128 + the signal's number."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number

    @property
    def signal_name(self) -> str:
        """The signal as people know it: SIGINT, SIGTERM."""
        return signal.Signals(self.signal_number).name


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was not the memory for something; PyTorch's CPU allocator raises a plain RuntimeError."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error)


def fact_of_the_machine(error: OSError) -> str:
    """The line for what no floor foresaw: a name too long, a disk that went away."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; check the path and the disk"
