"""Settings as TOML: what a run stores in config.toml and what `--config` reads."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomli_w

from icltool.core.errors import InputError
from icltool.core.files import unreadable

MAX_BYTES = 1_000_000


def read_toml(path: Path) -> dict[str, object]:
    """The table in a TOML file; raises `InputError` when it is missing, too large or malformed."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path} is {size} bytes; a settings file has at most {MAX_BYTES}")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; expected a TOML file") from None
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None


def to_toml(table: Mapping[str, object]) -> bytes:
    """The table as TOML, without the settings that are None (TOML has no null: absent means unset)."""
    return tomli_w.dumps(_without_none(table)).encode()


def _without_none(table: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            kept[key] = _without_none({str(name): inner for name, inner in value.items()})  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - TOML tables are keyed by strings
        elif value is not None:
            kept[key] = value
    return kept
