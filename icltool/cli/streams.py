"""stdin and stdout are for programs, stderr is for people."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from icltool.core.errors import UsageError


def people() -> Console:
    """The console on stderr; Rich honours NO_COLOR and drops colour and width tricks when it is no terminal."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def print_path(path: Path) -> None:
    """One path on a line of stdout, for the next program."""
    sys.stdout.write(f"{path}\n")
    sys.stdout.flush()


def print_json(table: Mapping[str, object]) -> None:
    """One JSON object on a line of stdout."""
    sys.stdout.write(json.dumps(table) + "\n")
    sys.stdout.flush()


def expand_inputs(arguments: Sequence[str]) -> list[str]:
    """The paths given, `-` standing for the paths on stdin; raises `UsageError` when there is none.

    Lines of `--json` output are understood too: the checkpoint they name, or else their result.
    """
    paths: list[str] = []
    for argument in arguments:
        paths += list(_paths_on_stdin()) if argument == "-" else [argument]
    if not paths:
        raise UsageError("no path given: stdin was empty (the command before the pipe printed none)")
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
