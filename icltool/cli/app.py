"""The console script: find the command, build it, run it, and turn every error into one clear line and an exit code."""

import inspect
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer

from icltool import __version__
from icltool.cli.command_table import Command, all_commands
from icltool.cli.help_text import (
    FIRST_STEPS,
    SUMMARY,
    HelpedCommand,
    HelpedGroup,
    after_options,
    before_options,
)
from icltool.cli.signature import Debug, with_parameters
from icltool.core.errors import IcltoolError, UsageError, fact_of_the_machine, is_out_of_memory
from icltool.core.interrupts import ending_at_the_first_signal
from icltool.core.processes import launched
from icltool.core.whole_process import use_whole_process
from icltool.studies import STUDIES

# Where the shells' completion scripts put the line being completed: bash, then zsh, fish and PowerShell.
COMPLETED_LINES = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
INTERNAL_ERROR = 1
# Other names for our options. A search by spelling alone would suggest the wrong ones.
SYNONYMS = {
    "layer": ("L",),
    "layers": ("L",),
    "depth": ("L",),
    "loop": ("b", "loops"),
    "loops": ("b",),
    "iterations": ("b", "loops"),
    "window": ("T",),
    "learning-rate": ("lr",),
    "batch-size": ("batch",),
    "dim": ("d",),
    "dims": ("d",),
    "points": ("n",),
    "examples": ("n", "context"),
    "hidden-size": ("width",),
    "embd": ("width",),
    "n-embd": ("width",),
    "n-head": ("heads",),
    "n-layer": ("L",),
    "epochs": ("steps",),
    "output": ("out",),
    "gpu": ("device",),
}


def main() -> None:
    """Run the command line and exit with its code."""
    with warnings.catch_warnings():
        # Where a program has imported torch before it calls this, its threads stay as they are, without a word.
        warnings.simplefilter("ignore")
        use_whole_process()
    arguments = sys.argv[1:] or ["--help"]
    code: object = None
    try:
        _refuse_to_share(_called(arguments))
        with ending_at_the_first_signal():
            code = build(_called(_being_completed() or arguments))(
                args=arguments, standalone_mode=False, prog_name="icltool"
            )
    except IcltoolError as error:
        _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        _fail(f"{_wrong_usage(error)} ({_help_command(arguments)} lists what there is)", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except OSError as error:
        _fail(fact_of_the_machine(error), IcltoolError.exit_code)
    except Exception as error:  # noqa: BLE001 - users see one line for every error
        if is_out_of_memory(error):
            _fail("out of memory; use a smaller model, batch or prompt", IcltoolError.exit_code)
        _fail(
            f"internal error, please report it: {type(error).__name__}: {error} (--debug shows where)", INTERNAL_ERROR
        )
    if code == 130:
        _fail("interrupted", 130)
    sys.exit(code if isinstance(code, int) else 0)


def build(called: str | None) -> typer.Typer:
    """The application: the called command with its options, the others with name and summary only.

    Building a command's options imports its settings; `icltool --help` needs none of them.
    """
    app = typer.Typer(
        name="icltool",
        cls=HelpedGroup,
        help=before_options(SUMMARY, FIRST_STEPS),
        epilog=after_options(),
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for command in all_commands():
        function = _in_full(command) if command.name == called else _not_called
        app.command(
            command.name,
            cls=HelpedCommand,
            help=before_options(command.summary, command.examples),
            epilog=after_options(command.prints),
            rich_help_panel=command.panel,
        )(function)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"icltool {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options that stand before a command; each acts as soon as it is read."""


def _in_full(command: Command) -> Callable[..., None]:
    """The command's function, with --debug beside its own options: `_fail` looks for it."""
    function = command.load()

    def run(*, debug: Debug = False, **given: Any) -> None:  # noqa: ANN401 - what `function` takes
        del debug
        function(**given)

    return with_parameters(run, inspect.signature(function).parameters.values())


def _not_called() -> None:
    """Stands for a command of which `--help` shows name and summary only."""


def _being_completed() -> list[str]:
    """The words after `icltool` in the line that a shell completes; empty in an ordinary call."""
    if "_ICLTOOL_COMPLETE" not in os.environ:
        return []
    return next((os.environ[name].split()[1:] for name in COMPLETED_LINES if name in os.environ), [])


def _called(arguments: list[str]) -> str | None:
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def _wrong_usage(error: typer.TyperException) -> str:
    """The parser's message, with its guesses worded as our other suggestions are."""
    option = getattr(error, "option_name", None)
    near = _meant(option, _options_of(error)) or getattr(error, "possibilities", None) if option else None
    if option and near:
        return f"No such option: {option}; did you mean {' or '.join(near)}?"
    return error.format_message()


def _meant(option: str, known: Sequence[str]) -> list[str]:
    """The known options that differ only in dashes or case (-L or --l for --L), or else those in `SYNONYMS`."""
    word = option.lstrip("-").lower()
    same = [name for name in known if name.lstrip("-").lower() == word]
    return same or [name for name in (f"--{ours}" for ours in SYNONYMS.get(word, ())) if name in known]


def _options_of(error: typer.TyperException) -> list[str]:
    """The options of the command that an error is about."""
    command: Any = getattr(getattr(error, "ctx", None), "command", None)
    return [name for parameter in getattr(command, "params", ()) for name in parameter.opts]


def _help_command(arguments: list[str]) -> str:
    called = _called(arguments)
    known = called in {command.name for command in all_commands()}
    return f"icltool {called} --help" if known else "icltool --help"


def _refuse_to_share(called: str | None) -> None:
    """Raise `UsageError` under torchrun for a command that each process would do again."""
    able = [study.name for study in STUDIES if study.shared]
    if launched().count > 1 and called not in able:
        raise UsageError(f"torchrun shares out {', '.join(able)} only; run icltool {called or ''} without it")


def _fail(message: str, code: int) -> NoReturn:
    """Print the message as one line on stderr and exit; --debug prints the traceback first."""
    error = sys.exc_info()[1]
    if launched().follows and isinstance(error, IcltoolError | typer.TyperException):
        # The leader reports the same error, or has died.
        sys.exit(code)
    if "--debug" in sys.argv and sys.exc_info()[0] is not None:
        traceback.print_exc()
    line = "".join(letter if letter.isprintable() else _escaped(letter) for letter in " ".join(message.split()))
    sys.stderr.write(f"error: {line}\n")
    sys.exit(code)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
