"""How a command declares what it takes: every option once, in a plain signature that Typer reads.

The options that several commands share are named here.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from icltool.core.errors import UsageError
from icltool.core.tracking import TRACKERS, tracker_named

# The panel of `--help` with the options of how a command runs and prints, not of what it does.
PANEL = "Run"

Function = TypeVar("Function", bound=Callable[..., None])


def with_parameters(function: Function, parameters: Iterable[inspect.Parameter]) -> Function:
    """The function, for Typer with `parameters` in the place of its `**` argument.

    They stand after the function's own and before those of the panel "Run". Raises `ValueError` when two have one name.
    """
    own = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    first = [parameter for parameter in own if not _is_about_running(parameter)]
    last = [parameter for parameter in own if _is_about_running(parameter)]
    return _read_as(function, [*first, *parameters, *last])


def without_parameter(function: Function, name: str) -> Function:
    """The function, for Typer without an option of its own that has a default."""
    parameters = inspect.signature(function).parameters.values()
    return _read_as(function, [parameter for parameter in parameters if parameter.name != name])


def _read_as(function: Function, parameters: Sequence[inspect.Parameter]) -> Function:
    function.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess] - inspect reads it
    return function


def _is_about_running(parameter: inspect.Parameter) -> bool:
    return parameter.annotation.__metadata__[0].rich_help_panel == PANEL


def completion_of(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """A function that gives the shell the choices which begin as a value does."""

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


def require_path(text: str, *, where: str) -> Path:
    """The text as a path; raises `UsageError` where it cannot be one: when empty, or with control characters."""
    if not text.strip():
        raise UsageError(f"{where} is empty; name a file or folder")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise UsageError(f"{where} {text!a} holds a control character; choose another name")
    return Path(text)


def flag(name: str, help: str, *, panel: str = PANEL) -> Any:  # noqa: ANN401 - as `typer.Option`
    """`--name`, for an annotation of a bool."""
    return typer.Option(f"--{name}", help=help, rich_help_panel=panel)


def path_option(name: str, *, metavar: str, help: str) -> Any:  # noqa: ANN401 - as `typer.Option`
    """`--name PATH` of a file or folder that need not exist, for an annotation of a `Path | None`."""

    def parse(text: str) -> Path:
        return require_path(text, where=f"--{name}")

    return typer.Option(f"--{name}", metavar=metavar, help=help, rich_help_panel=PANEL, parser=parse)


Quiet = Annotated[bool, flag("quiet", "Print nothing for people.")]
Json = Annotated[bool, flag("json", "Print one JSON object instead of a path.")]
Debug = Annotated[bool, flag("debug", "Show the traceback of an error.")]
Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="|".join(TRACKERS),
        help="Send the logged values to a tracker as they come (extra: track).",
        rich_help_panel=PANEL,
        parser=tracker_named,
        autocompletion=completion_of(TRACKERS),
    ),
]
