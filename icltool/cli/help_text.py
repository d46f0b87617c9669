"""What `--help` says around a command's options: what it does and examples before them, output and exit codes after."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

from icltool.cli.signature import PANEL
from icltool.core.study import Example

SUMMARY = "Train, probe and explain small models that learn in context. COMMAND --help has examples and every default."
FIRST_STEPS = (
    Example("Train a small model in a few minutes; its figure.html opens in any browser", "icltool train --L 2 --b 2"),
    Example("Commands pass paths on", "icltool train --L 1 --b 20 | icltool probe - | icltool plot -"),
    Example("The reports' claims, each a recipe", "icltool recipes"),
)
EXIT_CODES = {
    "0": "done",
    "1": "the request cannot be done (one line says why)",
    "2": "wrong usage",
    "3": "training diverged",
    "130, 143": "interrupted, the state saved",
}


def before_options(summary: str, examples: Sequence[Example]) -> str:
    """The summary, then the examples, each below a half-line that says what it does."""
    shown = "\n".join(f"{example.what}:\n  [cyan]{example.command}[/cyan]" for example in examples)
    return f"{summary}\n\n[bold]Examples[/bold]\n\n{shown}" if examples else summary


def after_options(prints: str = "what the command made, one path a line") -> str:
    """What comes out on stdout (`prints`), and the exit codes."""
    codes = "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    return f"[bold]Output[/bold]  stdout: {prints}. stderr: everything for people.\n[bold]Exit codes[/bold]  {codes}."


class HelpedCommand(TyperCommand):
    """A command whose help shows the kind of value of its options; flags and arguments have none to show."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - Typer's own classes, which it does not export
        """The parameters that Typer finds, with `--help` in the panel "Run"."""
        params = _without_kinds(super().get_params(ctx))
        for param in params:
            if "--help" in param.opts:
                param.rich_help_panel = PANEL
        return params


class HelpedGroup(TyperGroup):
    """The application; its help looks like that of its commands."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - Typer's own classes, which it does not export
        """The parameters that Typer finds."""
        return _without_kinds(super().get_params(ctx))


def _without_kinds(params: Sequence[Any]) -> list[Any]:
    for param in params:
        if isinstance(param, TyperArgument):
            param.display_type_rich = _nothing
        elif param.is_flag:
            param.metavar = ""
    return list(params)


def _nothing(ctx: Any) -> None:  # noqa: ANN401 - as above
    del ctx
