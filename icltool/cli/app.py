"""The console script: find the command, build it, run it, and turn every error into one clear line and an exit code."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from icltool import __version__
from icltool.cli.catalogue import Command, all_commands
from icltool.cli.signature import common_parameter, with_signature
from icltool.core.errors import IcltoolError

COMPLETION_VARIABLE = "_ICLTOOL_COMPLETE"
INTERNAL_ERROR = 1


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    code: object = None
    try:
        code = build(_called(arguments))(args=arguments, standalone_mode=False, prog_name="icltool")
    except IcltoolError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        _fail(
            f"{error.format_message()} (icltool {_called(arguments) or ''} --help lists what there is)", error.exit_code
        )
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of stdout is gone; nothing is left to say to it, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if debug:
            raise
        _fail(
            f"internal error, please report it: {type(error).__name__}: {error} (--debug shows where)", INTERNAL_ERROR
        )
    if code == 130:
        _fail("interrupted", 130)
    sys.exit(code if isinstance(code, int) else 0)


def build(called: str | None) -> typer.Typer:
    """The application, with the called command in full and the others by name and summary only.

    Building a command's options imports its settings; `icltool --help` needs none of them.
    """
    app = typer.Typer(
        name="icltool",
        help="Train, probe and explain small models that learn in context.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    everything = COMPLETION_VARIABLE in os.environ
    for command in all_commands():
        function = _in_full(command) if everything or command.name == called else _by_name(command)
        app.command(command.name, help=_help(command), rich_help_panel=command.panel)(function)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Options that stand before a command."""
    if version:
        sys.stdout.write(f"icltool {__version__}\n")
        raise typer.Exit


def _in_full(command: Command) -> Callable[..., None]:
    parameters, function = command.load()
    debug = common_parameter(
        "debug",
        bool,
        typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel="Run"),
        default=False,
    )

    def run(**given: Any) -> None:  # noqa: ANN401 - `parameters` say what is given
        given.pop("debug")
        function(**given)

    return with_signature(run, [*parameters, debug], name=command.name)


def _by_name(command: Command) -> Callable[..., None]:
    return with_signature(lambda: None, [], name=command.name)


def _help(command: Command) -> str:
    examples = "\n\n".join(f"  [cyan]{example}[/cyan]" for example in command.examples)
    return f"{command.summary}\n\n[bold]Examples[/bold]\n\n{examples}" if examples else command.summary


def _called(arguments: list[str]) -> str | None:
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    sys.exit(code)
