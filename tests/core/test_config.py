"""Settings: presets, one-line errors, suggestions, and what names a run."""

from pathlib import Path
from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError, model_validator

from icltool.core.config import (
    Config,
    choices_of,
    config_hash,
    first_difference,
    option_name,
    setting,
    suggestion,
    traits_of,
)
from icltool.core.errors import UsageError


class Kettle(Config):
    """Settings of every kind."""

    PRESETS: ClassVar = {"tea": {"degrees": 95.0, "cups": 2}}

    cups: int = setting(1, "Cups.", ge=1, le=8)
    degrees: float = setting(100.0, "Degrees.", gt=0, group="Heat")
    metal: Literal["steel", "copper"] = setting("steel", "Metal.")
    whistle: bool = setting(default=True, help="Whistle.")
    engraved_name: str | None = setting(None, "Name.")

    @model_validator(mode="after")
    def _check_copper(self) -> "Kettle":
        if self.metal == "copper" and self.whistle:
            raise ValueError("a copper kettle has no whistle; choose steel or whistle = false")
        if self.engraved_name == "":
            raise ValueError("engraved_name is empty")
        return self


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cups": 0}, "cups: must be at least 1 (got 0)"),
        ({"cups": 9}, "cups: must be at most 8 (got 9)"),
        ({"cups": "two"}, "cups: must be a whole number (got two)"),
        ({"cups": 1.5}, "cups: must be a whole number (got 1.5)"),
        ({"cups": None}, "cups: must be a whole number (got None)"),
        ({"cups": True}, "cups: true and false are not values of it"),
        ({"degrees": 0}, "degrees: must be more than 0 (got 0)"),
        ({"degrees": float("nan")}, "degrees: must be a finite number (got nan)"),
        ({"degrees": "hot"}, "degrees: must be a number (got hot)"),
        ({"metal": "stel"}, "metal: stel is not a choice; did you mean steel? (choose from steel, copper)"),
        ({"whistle": "maybe"}, "whistle: must be true or false (got maybe)"),
        ({"engraved_name": 3}, "engraved_name: must be text (got 3)"),
        (
            {"cup": 1},
            "unknown setting cup; did you mean cups? (choose from cups, degrees, metal, whistle, engraved_name)",
        ),
        ({"metal": "copper"}, "a copper kettle has no whistle; choose steel or whistle = false"),
        ({"cups": 0, "degrees": -1}, "cups: must be at least 1 (got 0); degrees: must be more than 0 (got -1)"),
        ({"cups": " "}, "cups: must be a whole number (got ' ')"),
        ({"cups": "\x1b[2J"}, r"cups: must be a whole number (got '\x1b[2J')"),
    ],
)
def test_an_error_is_one_clear_line(values: dict[str, object], said: str):
    with pytest.raises(UsageError) as raised:
        Kettle.create(values)
    assert str(raised.value) == said


def test_an_error_is_spelled_as_its_reader_wrote_it():
    with pytest.raises(UsageError, match=r"^--engraved-name: must be text"):
        Kettle.create({"engraved_name": 3}, as_options=True)
    # A check of several settings too.
    with pytest.raises(UsageError, match=r"^--engraved-name is empty$"):
        Kettle.create({"engraved_name": ""}, as_options=True)
    with pytest.raises(UsageError, match=r"^engraved_name is empty$"):
        Kettle.create({"engraved_name": ""})
    with pytest.raises(UsageError, match=r"^k\.toml: cups: .*; --degrees: "):
        Kettle.create({"cups": 0, "degrees": 0}, as_options=True, origins={"cups": Path("k.toml")})
    with pytest.raises(UsageError, match=r"^header: cups: "):
        Kettle.create({"cups": 0}, where="header")
    with pytest.raises(UsageError, match=r"^file: unknown setting cup; did you mean cups\?"):
        Kettle.check_names({"cup": 1}, where="file")


def test_values_lie_over_the_preset_over_the_defaults():
    assert Kettle.create({}).cups == 1
    assert Kettle.create({}, preset="fast") == Kettle()
    tea = Kettle.create({"cups": 4}, preset="tea")
    assert (tea.cups, tea.degrees, tea.metal) == (4, 95.0, "steel")
    with pytest.raises(UsageError, match=r"no preset 'te'; did you mean tea\? \(choose from fast, tea\)"):
        Kettle.create({}, preset="te")


def test_text_becomes_what_the_field_is():
    made = Kettle.create({"cups": "3", "degrees": "80", "whistle": "false", "metal": "copper"})
    assert (made.cups, made.degrees, made.whistle, made.metal) == (3, 80.0, False, "copper")


def test_a_config_is_frozen():
    with pytest.raises(ValidationError):
        Kettle().cups = 2  # pyright: ignore[reportAttributeAccessIssue] - the point of the test


def test_what_a_field_tells_of_itself():
    assert traits_of(Kettle.model_fields["degrees"]).group == "Heat"
    assert choices_of(Kettle.model_fields["metal"].annotation) == ("steel", "copper")
    assert choices_of(Literal["a", "b"] | None) == ("a", "b")
    assert choices_of(int | None) == ()
    assert option_name("engraved_name") == "--engraved-name"


def test_suggestions():
    assert suggestion("TRAIN", ["train", "eval"]) == "; did you mean train? (choose from train, eval)"
    assert suggestion("zzz", ["train", "eval"]) == "; choose from train, eval"
    many = [f"setting_{index}" for index in range(13)]
    assert suggestion("setting_7", many) == "; did you mean setting_7?"
    assert suggestion("q", many) == "; --help lists them all"


json_tables = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5))


@given(json_tables)
def test_a_hash_is_of_the_content_not_of_the_order(table: dict[str, JsonValue]):
    assert config_hash(dict(reversed(table.items()))) == config_hash(table)
    assert len(config_hash(table)) == 8
    assert config_hash({**table, "another": 1}) != config_hash(table)


@given(json_tables, json_tables)
def test_the_first_difference_is_none_only_for_equal_settings(ours: dict[str, JsonValue], theirs: dict[str, JsonValue]):
    names = set(ours) | set(theirs)
    same = all(ours.get(name) == theirs.get(name) for name in names)
    assert (first_difference(ours, theirs) is None) == same


def test_the_first_difference_names_both_sides():
    assert first_difference({"a": 1, "b": 4}, {"a": 1, "b": 2}) == "b is 2 there and 4 here"
    assert first_difference({}, {"c": "x"}) == "c is 'x' there and None here"
