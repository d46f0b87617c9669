"""TOML: unset settings are absent, and a file that is not TOML says so in one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icltool.core.errors import InputError
from icltool.core.toml_files import MAX_BYTES, read_toml, to_toml

FILE = Path("settings.toml")
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | text
tables = st.dictionaries(text, values | st.dictionaries(text, values, max_size=3), max_size=5)


@given(tables)
def test_a_table_comes_back(table: dict[str, object]):
    FILE.write_bytes(to_toml({**table, "unset": None, "inner": {"unset": None, "set": 1}}))
    assert read_toml(FILE) == {**{key: value for key, value in table.items() if key != "unset"}, "inner": {"set": 1}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = ", "settings.toml is not valid TOML: Invalid value (at end of document)"),
        (b"a = 1\na = 2", "settings.toml is not valid TOML"),
        (b"a = " + b"[" * 100_000, "settings.toml is not valid TOML"),
        (b"\xff\xfea", "settings.toml is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "settings.toml is 1000001 bytes"),
    ],
)
def test_what_is_no_toml(content: bytes, said: str):
    FILE.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_toml(FILE)
    assert str(raised.value).startswith(said)


def test_a_byte_order_mark_and_windows_lines_are_no_error():
    FILE.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 'x'\r\n")
    assert read_toml(FILE) == {"a": 1, "b": "x"}


def test_missing_and_folder():
    with pytest.raises(InputError, match=r"cannot read none.toml: No such file or directory; check the path"):
        read_toml(Path("none.toml"))
    with pytest.raises(InputError, match=r"Is a directory; give a file in it"):
        read_toml(Path())
