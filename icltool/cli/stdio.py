"""stdin and stdout are for programs, stderr is for people."""

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from rich.console import Console

from icltool.cli.signature import require_path
from icltool.core.errors import OutputError, UsageError
from icltool.core.result import Result

# What a shell reports of a program that died of SIGPIPE.
READER_GONE = 141


def people() -> Console:
    """The console on stderr; Rich honours NO_COLOR and leaves out colour and layout when stderr is not a terminal."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def print_path(path: Path) -> None:
    """One path on a line of stdout, for the next program."""
    _print(str(path))


def print_json(table: Mapping[str, object]) -> None:
    """One JSON object on a line of stdout; null stands for a number that is not finite."""
    _print(json.dumps(_strict(table), allow_nan=False))


def print_result(result: Result, path: Path, *, as_json: bool, more: Mapping[str, object] | None = None) -> None:
    """Print a run for the next program: `path`, or one JSON object of its facts and `more`."""
    if not as_json:
        print_path(path)
        return
    print_json(
        {
            "kind": result.kind,
            "run": str(result.run),
            "checkpoint": str(result.checkpoint) if result.checkpoint else None,
            "result": str(result.path),
            "summary": dict(result.summary),
            **(more or {}),
        }
    )


def _print(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone, so there is nobody to tell.
        _discard_stdout()
        sys.exit(READER_GONE)
    except OSError as error:
        _discard_stdout()
        raise OutputError(f"cannot write to stdout: {error.strerror}; what was done is kept") from None


def _discard_stdout() -> None:
    """Keep Python from writing the rest again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _strict(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _strict(entry) for key, entry in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_strict(entry) for entry in cast("Sequence[object]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def expand_inputs(arguments: Sequence[str]) -> list[str]:
    """The paths given, with `-` replaced by the paths on stdin; raises `UsageError` for a bad one and for none at all.

    Lines of `--json` output are understood too: the checkpoint they name, or else their result.
    """
    paths: list[str] = []
    for argument in arguments:
        paths += list(_paths_on_stdin()) if argument == "-" else [argument]
    if not paths:
        raise UsageError("no path given: stdin was empty (the command before the pipe printed none)")
    for path in paths:
        require_path(path, where="a path")
    return paths


def _paths_on_stdin() -> Iterator[str]:
    if sys.stdin.isatty():
        raise UsageError("- reads paths from stdin, which is a terminal; pipe a command into it or give a path")
    for line in sys.stdin:
        text = line.strip()
        if text.startswith("{"):
            yield _path_in_json(text)
        elif text:
            yield text


def _path_in_json(text: str) -> str:
    try:
        table = json.loads(text)
        path = table.get("checkpoint") or table.get("result")
    except (ValueError, AttributeError, RecursionError):
        path = None
    if not isinstance(path, str):
        raise UsageError("a line on stdin is neither a path nor the --json output of an icltool command")
    return path
