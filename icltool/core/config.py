"""A study's settings: the one base class, how a field is declared, and errors in one clear line.

A field is declared once, with `setting(...)`. Its type, default, bounds and description become the command-line
option, the recipe key, the checkpoint header, the documentation and the validation error.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from icltool.core.errors import UsageError

Scalar = bool | int | float | str | None
PresetValues = Mapping[str, Scalar]


class SettingTraits(NamedTuple):
    """What a setting is beside its type: how the command line shows it."""

    group: str
    argument: bool
    choices: Collection[str] = ()


def setting(
    default: Any,  # noqa: ANN401 - a default has the type of its field, which only the field knows
    help: str,
    *,
    group: str = "Options",
    argument: bool = False,
    choices: Collection[str] = (),
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:  # noqa: ANN401 - like pydantic's Field, the value stands for a field of any type
    """Declare a field of a `Config`.

    `default=...` makes it required, `argument=True` a positional argument of the command, `group` names the panel of
    `--help` that shows it; the bounds are pydantic's. `choices` are the values of a text setting whose choices are the
    keys of a table (looked at when they are needed, so that the table can grow); `Literal` declares fixed ones.
    """
    traits: dict[str, Any] = {"group": group, "argument": argument, "choices": choices}
    bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return Field(default, description=help, json_schema_extra=traits, **given)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType] - bounds are known by name only here


def traits_of(field: FieldInfo) -> SettingTraits:
    """The traits given to `setting` for this field."""
    extra = field.json_schema_extra
    traits: dict[str, Any] = dict(extra) if isinstance(extra, Mapping) else {}
    return SettingTraits(
        group=str(traits.get("group", "Options")),
        argument=bool(traits.get("argument", False)),
        choices=traits.get("choices", ()),
    )


def choices_of(annotation: object) -> tuple[str, ...]:
    """The choices of a field, or of a `Literal[...]` (or `Literal[...] | None`) annotation; empty for any other."""
    if isinstance(annotation, FieldInfo):
        return tuple(traits_of(annotation).choices) or choices_of(annotation.annotation)
    if get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in get_args(annotation))
    for part in get_args(annotation):
        if get_origin(part) is Literal:
            return choices_of(part)
    return ()


def option_name(field_name: str) -> str:
    """How a field is spelled on the command line: `train_prompts` is `--train-prompts`, `L` is `--L`."""
    return "--" + field_name.replace("_", "-")


class Config(BaseModel):
    """Base of every study's settings: frozen, nothing unknown accepted.

    `PRESETS` maps a preset's name to the values it sets. `fast` always exists and means the defaults. `DEFAULTS` gives
    inherited fields other defaults, so that a study can take settings in without declaring them again. `GRIDS` maps a
    preset's name to the comma lists that its command runs when none of them is given (an axis named means: one run).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    PRESETS: ClassVar[Mapping[str, PresetValues]] = {}
    DEFAULTS: ClassVar[PresetValues] = {}
    GRIDS: ClassVar[Mapping[str, Mapping[str, Sequence[Scalar]]]] = {}

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_for_numbers(cls, value: object, info: ValidationInfo) -> object:
        """Python's True is a 1, but `L = true` in a file is a slip."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
            raise ValueError("true and false are not values of it")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _require_choice(cls, value: object, info: ValidationInfo) -> object:
        choices = traits_of(cls.model_fields[info.field_name or ""]).choices
        if choices and value not in choices:
            raise PydanticCustomError("not_a_choice", "not a choice")
        return value

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - pydantic's own signature
        """Lay `DEFAULTS` over the fields' defaults, once the class is complete."""
        super().__pydantic_init_subclass__(**kwargs)
        if "DEFAULTS" in vars(cls):
            for name, value in cls.DEFAULTS.items():
                cls.model_fields[name].default = value
            cls.model_rebuild(force=True)

    @classmethod
    def create(
        cls,
        values: Mapping[str, object],
        *,
        preset: str | None = None,
        where: str = "",
        as_options: bool = False,
        origins: Mapping[str, Path] | None = None,
    ) -> Self:
        """Build a config from loose values laid over a preset's.

        Raises `UsageError` in one line; `where` (a file's name, say) opens it, and `as_options` spells the fields as
        command-line options, but those of `origins` as settings of the file they came from.
        """
        try:
            return cls.model_validate({**cls.preset_values(preset), **values})
        except UsageError as error:
            raise UsageError(f"{where}: {error}" if where else str(error)) from None
        except ValidationError as error:
            spelling = _Spelling(as_options=as_options, origins=origins or {}, arguments=cls.arguments())
            problems = "; ".join(dict.fromkeys(cls._explain(detail, spelling) for detail in error.errors()))
            raise UsageError(f"{where}: {problems}" if where else problems) from None

    @classmethod
    def names(cls) -> list[str]:
        """The settings in the order to show them: arguments, the study's own, the model's, ..., the machine's.

        A class lists its bases by weight, pydantic has their fields the other way round.
        """
        declared = [name for base in cls.__mro__ for name in vars(base).get("__annotations__", {})]
        fields = [name for name in dict.fromkeys(declared) if name in cls.model_fields]
        return sorted(fields, key=lambda name: not traits_of(cls.model_fields[name]).argument)

    @classmethod
    def arguments(cls) -> list[str]:
        """The settings that are positional arguments of the command, in order."""
        return [name for name, field in cls.model_fields.items() if traits_of(field).argument]

    @classmethod
    def argument(cls) -> str | None:
        """The positional argument of a study, which names what it reads; None where it reads nothing."""
        return next(iter(cls.arguments()), None)

    @classmethod
    def check_names(cls, values: Mapping[str, object], *, where: str) -> None:
        """Raise `UsageError` for a name that is not a setting, saying where it stands."""
        for name in values:
            if name not in cls.model_fields:
                raise UsageError(f"{where}: unknown setting {name}{suggestion(name, list(cls.model_fields))}")

    @classmethod
    def preset_values(cls, name: str | None) -> dict[str, Scalar]:
        """The values of the named preset; none for `None` and for `fast`."""
        if name is None or name == "fast":
            return {}
        if name not in cls.PRESETS:
            known = ["fast", *cls.PRESETS]
            raise UsageError(f"there is no preset {name!r}{suggestion(name, known)}")
        return dict(cls.PRESETS[name])

    @classmethod
    def _explain(cls, detail: ErrorDetails, spelling: "_Spelling") -> str:
        location = [str(part) for part in detail["loc"]]
        if detail["type"] == "value_error":
            message = str(detail.get("ctx", {}).get("error", detail["msg"]))
            if location:
                return f"{spelling.of(location[0])}: {message}"
            return spelling.within(message, cls.model_fields)
        name = location[0] if location else "settings"
        shown = spelling.of(name)
        if detail["type"] == "extra_forbidden":
            return f"unknown setting {shown}{suggestion(name, list(cls.model_fields), as_options=spelling.as_options)}"
        if detail["type"] == "missing":
            return f"{shown} is required"
        choices = choices_of(cls.model_fields[name]) if name in cls.model_fields else ()
        if choices:
            return f"{shown}: {_value(detail)} is not a choice{suggestion(str(detail['input']), choices)}"
        return f"{shown}: {_reason(detail)} (got {_value(detail)})"

    def resolved(self) -> Self:
        """The config with everything left open (threads, device, ...) fixed for this machine.

        A run is named by, and stores, its resolved config.
        """
        return self

    def identity(self) -> dict[str, Scalar]:
        """What makes two runs the same run: every setting, as JSON values."""
        return self.model_dump(mode="json")


class _Spelling(NamedTuple):
    """How an error names a setting: as an option, or as the setting of the file that holds it."""

    as_options: bool
    origins: Mapping[str, Path]
    arguments: Sequence[str] = ()

    def of(self, name: str) -> str:
        if name in self.origins:
            return f"{self.origins[name]}: {name}"
        if self.as_options and name in self.arguments:
            return name.upper()
        return _spell(name, as_options=self.as_options)

    def within(self, message: str, fields: Iterable[str]) -> str:
        """The message of a check of several settings, with their names spelled; a name of one word reads as it is."""
        for name in sorted((name for name in fields if "_" in name), key=len, reverse=True):
            message = re.sub(rf"(?<![\w-]){name}(?!\w)", self.of(name), message)
        return message


_REASONS: Mapping[str, str] = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
}


def _reason(detail: ErrorDetails) -> str:
    known = _REASONS.get(detail["type"])
    if known is None:
        return detail["msg"].removeprefix("Input ")
    bounds = detail.get("ctx", {})
    return known.format(**{name: f"{bound:g}" if isinstance(bound, float) else bound for name, bound in bounds.items()})


def _value(detail: ErrorDetails) -> str:
    """What was given, in at most 60 characters: text in quotes only where quotes help to see it."""
    value = detail["input"]
    text = value if isinstance(value, str) and value.isprintable() and value.strip() == value != "" else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _spell(name: str, *, as_options: bool) -> str:
    return option_name(name) if as_options else name


def suggestion(word: str, known: list[str] | tuple[str, ...], *, as_options: bool = False) -> str:
    """`; did you mean X?`, and the list of what is known when it is short or nothing is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.5)
    listed = ", ".join(_spell(name, as_options=as_options) for name in known)
    if near:
        others = f" (choose from {listed})" if len(known) <= 6 else ""
        return f"; did you mean {_spell(by_lower[near[0]], as_options=as_options)}?{others}"
    return f"; choose from {listed}" if len(known) <= 12 else "; --help lists them all"


def config_hash(identity: Mapping[str, object]) -> str:
    """Eight hexadecimal digits that name a run of exactly these settings."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def first_difference(ours: Mapping[str, object], theirs: Mapping[str, object]) -> str | None:
    """`b is 2 there and 4 here` for the first setting that differs, or None."""
    for name in [*ours, *(key for key in theirs if key not in ours)]:
        if ours.get(name) != theirs.get(name):
            return f"{name} is {theirs.get(name)!r} there and {ours.get(name)!r} here"
    return None
