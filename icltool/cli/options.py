"""The one adapter from a study's settings to Typer options: no option is written twice.

Every option arrives as text (a flag as a boolean) and is None when it was not given; the settings class validates.
That keeps the order of precedence (defaults < preset < file < flags) and leaves one wording for every error.
"""

import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from icltool.cli.signature import PANEL, Function, completion_of, with_parameters
from icltool.core.config import Config, choices_of, option_name, traits_of
from icltool.core.errors import UsageError

# In a terminal of 80 columns, `--help` has room for this many letters of choices between an option and its text.
WIDEST = 17


def with_settings(
    config: type[Config], *, without: Collection[str] = (), many_inputs: bool = False
) -> Callable[[Function], Function]:
    """A decorator: the settings become options of a command that takes them as `**settings`.

    `without` names the settings that it does not take; `many_inputs` as for `parameters_of`.
    """

    def decorate(function: Function) -> Function:
        parameters = parameters_of(config, many_inputs=many_inputs)
        return with_parameters(function, [parameter for parameter in parameters if parameter.name not in without])

    return decorate


def parameters_of(config: type[Config], *, many_inputs: bool = False) -> list[inspect.Parameter]:
    """A keyword parameter for each field, annotated for Typer, arguments first.

    With `many_inputs` an argument takes any number of values, as a list.
    """
    fields = config.model_fields
    return [_parameter(name, fields[name], many_inputs=many_inputs) for name in config.names()]


def preset_option(config: type[Config]) -> Any:  # noqa: ANN401 - as `typer.Option`
    """`--preset NAME`, one of the settings' own or fast, for an annotation of a `str | None`."""
    presets = ("fast", *config.PRESETS)
    metavar, listed = _choices_shown(presets)
    return typer.Option(
        "--preset",
        metavar=metavar,
        help=f"Settings to start from (fast: the defaults).{_notes(listed)}",
        rich_help_panel=PANEL,
        autocompletion=completion_of(presets),
    )


def given_values(config: type[Config], given: Mapping[str, Any]) -> dict[str, object]:
    """The settings that the user gave; raises `UsageError` for a comma list."""
    values, axes = given_grid(config, given)
    for name in axes:
        raise UsageError(f"{option_name(name)} {given[name]}: a comma list is a grid of runs; give one value here")
    return values


def given_grid(config: type[Config], given: Mapping[str, Any]) -> tuple[dict[str, object], dict[str, list[str]]]:
    """The settings that the user gave one value, and the axes of a grid: those with a comma list."""
    values: dict[str, object] = {}
    axes: dict[str, list[str]] = {}
    for name, field in config.model_fields.items():
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, str) and "," in value and not _is_text(field):
            axes[name] = [part.strip() for part in value.split(",")]
            if "" in axes[name]:
                raise UsageError(f"{option_name(name)} {value}: a value is missing between the commas")
        else:
            values[name] = value
    return values, axes


def _parameter(name: str, field: FieldInfo, *, many_inputs: bool) -> inspect.Parameter:
    traits = traits_of(field)
    if traits.argument:
        argument = typer.Argument(metavar=name.upper(), help=field.description, show_default=False)
        if many_inputs:
            # Not required by the parser: a --config file may hold it.
            kind: Any = Annotated[list[str] | None, argument]
            return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, argument])
    option = option_name(name)
    common: dict[str, Any] = {
        "help": f"{field.description}{_notes(_choices_shown(choices_of(field))[1], _default_shown(field))}",
        "rich_help_panel": traits.group,
        "show_default": False,
    }
    if field.annotation is bool:
        annotation: Any = Annotated[bool | None, typer.Option(f"{option}/--no-{option[2:]}", **common)]
    else:
        choices = choices_of(field)
        completion = completion_of(choices) if choices else None
        metavar = _choices_shown(choices)[0] if choices else _metavar(field)
        annotation = Annotated[str | None, typer.Option(option, metavar=metavar, autocompletion=completion, **common)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _choices_shown(choices: Sequence[str]) -> tuple[str, str]:
    """What stands for the value, and a note for the help text: a long list does not fit in the narrow column."""
    listed = "|".join(choices)
    return (listed, "") if len(listed) <= WIDEST else ("CHOICE", f"one of {', '.join(choices)}" if choices else "")


def _default_shown(field: FieldInfo) -> str:
    """The default, or that the setting is required. Typer knows neither: what is not given arrives as None."""
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None:
        return ""
    shown = {True: "yes", False: "no"}[field.default] if isinstance(field.default, bool) else field.default
    return f"default: {shown}"


def _notes(*notes: str) -> str:
    """What ends a help text, in brackets."""
    said = "; ".join(note for note in notes if note)
    return rf" [dim]\[{said}][/dim]" if said else ""


def _metavar(field: FieldInfo) -> str:
    types_named = _plain_types(field.annotation)
    if int in types_named:
        return "INT"
    return "NUMBER" if float in types_named else "TEXT"


def _is_text(field: FieldInfo) -> bool:
    return str in _plain_types(field.annotation) and not choices_of(field)


def _plain_types(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) in {Union, types.UnionType, typing.Union}:
        return get_args(annotation)
    return (annotation,)
