"""Tables on narrow terminals: no figure is broken, nothing is cut off."""

import io
import re

import pytest
from rich.console import Console

from icltool.cli.printed_table import printed
from icltool.core.table import Table

FIGURES = [f"0.{place:04d}" for place in range(1000, 1012)]
TABLE = Table(
    title="A [red]title",
    columns=["state", "of", *(f"prefix {place}" for place in range(len(FIGURES)))],
    rows=[["a hidden state", "x", *FIGURES], ["[bold]y", "-", *FIGURES[::-1]]],
)


def shown(table: Table, *, width: int, texts: int) -> str:
    """What a terminal of that width shows."""
    stream = io.StringIO()
    Console(width=width, file=stream).print(printed(table, texts=texts))
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 300])
def test_every_figure_is_whole_and_within_the_terminal(width: int):
    text = shown(TABLE, width=width, texts=2)
    assert max(map(len, text.splitlines())) <= width
    assert sorted(re.findall(r"0\.\d{4}", text)) == sorted(FIGURES * 2)
    assert text.count("A [red]title") == 1
    assert text.count("a hidden") == text.count("[bold]y") >= 1


def test_names_break_at_their_hyphens_and_lines_stay_lines():
    table = Table(title="", columns=["name", "figure"], rows=[["double-descent-dimensions\nTwo words", "1"]])
    cells = [line.split("│")[1].strip() for line in shown(table, width=29, texts=1).splitlines() if "│" in line]
    assert cells == ["double-descent-", "dimensions", "Two words"]


def test_a_wide_terminal_has_one_table_and_names_on_a_line():
    text = shown(TABLE, width=300, texts=2)
    assert text.count("prefix 11") == 1
    assert text.count("a hidden state") == 1
    assert len(text.splitlines()) == 7
