"""Functions that Typer reads by a signature made at run time, and the parameters that are no setting."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from icltool.core.errors import UsageError
from icltool.core.tracking import TRACKERS, tracker_named

# Where `--help` shows how a command runs and prints, beside what it does.
PANEL = "Run"


def with_signature(
    function: Callable[..., None], parameters: list[inspect.Parameter], *, name: str
) -> Callable[..., None]:
    """The function with a signature that Typer reads instead of its `**kwargs`."""

    def command(**given: Any) -> None:  # noqa: ANN401 - the signature below says what is given
        function(**given)

    command.__name__ = name.replace("-", "_")
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess] - inspect reads it
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def common_parameter(name: str, annotation: object, option: object, default: object = None) -> inspect.Parameter:
    """A parameter that is no setting: where the run goes, what is printed."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, option]
    )


def completion_of(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """What the shell offers for the beginning of a value: the choices that begin so."""

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


def flag(name: str, help: str, *, panel: str = PANEL) -> inspect.Parameter:
    """`--name`, off unless given."""
    option = typer.Option(f"--{name.replace('_', '-')}", help=help, rich_help_panel=panel)
    return common_parameter(name, bool, option, default=False)


def quiet_flag() -> inspect.Parameter:
    """`--quiet`: no word on stderr but errors."""
    return flag("quiet", "Print nothing for people.")


def json_flag(what: str = "Print one JSON object instead of a path.") -> inspect.Parameter:
    """`--json`: what is printed on stdout, for programs that read more than a path."""
    return flag("json", what)


def path_parameter(name: str, *, metavar: str, help: str) -> inspect.Parameter:
    """`--name PATH` of a file or folder that need not exist."""

    def parse(text: str) -> Path:
        return require_path(text, where=f"--{name}")

    option = typer.Option(f"--{name}", metavar=metavar, help=help, rich_help_panel=PANEL, parser=parse)
    return common_parameter(name, Path | None, option)


def track_parameter() -> inspect.Parameter:
    """`--track NAME`, refused at once when the tracker is not there."""
    option = typer.Option(
        "--track",
        metavar="|".join(TRACKERS),
        help="Send the logged values to a tracker as they come (extra: track).",
        rich_help_panel=PANEL,
        parser=tracker_named,
        autocompletion=completion_of(TRACKERS),
    )
    return common_parameter("track", str | None, option)


def require_path(text: str, *, where: str) -> Path:
    """The text as a path; raises `UsageError` for what can be none: nothing, or control characters."""
    if not text.strip():
        raise UsageError(f"{where} is empty; name a file or folder")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise UsageError(f"{where} {text!a} holds a control character; choose another name")
    return Path(text)
