"""A table as Rich prints it: text to the left, numbers to the right, in parts where the terminal is too narrow."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table as RichTable

from icltool.core.table import Table

# Letters of a column's frame, and of the longest word in a text column that is never broken.
FRAME = 3
LONGEST_WORD = 15


@dataclass(frozen=True, kw_only=True)
class PrintedTable:
    """What a console prints. Figures are never broken: columns that do not fit come below, with the texts repeated."""

    table: Table
    texts: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, in parts below each other where it is too wide."""
        for number, columns in enumerate(self._parts(options.max_width)):
            yield self._part(columns, title=self.table.title if number == 0 else "", room=options.max_width)

    def _parts(self, room: int) -> Iterator[Sequence[int]]:
        """The columns of each part: the texts, and as many numbers as fit, at least one."""
        texts = list(range(min(self.texts, len(self.table.columns))))
        taken = 1 + sum(FRAME + self._least(column) for column in texts)
        part, left = list(texts), room - taken
        for column in range(len(texts), len(self.table.columns)):
            width = FRAME + self._least(column)
            if width > left and len(part) > len(texts):
                yield part
                part, left = list(texts), room - taken
            part.append(column)
            left -= width
        yield part

    def _part(self, columns: Sequence[int], *, title: str, room: int) -> RichTable:
        shown = RichTable(title=escape(title) or None, title_justify="left", title_style="bold")
        widths = self._widths(columns, room)
        for column in columns:
            justify = "left" if column < self.texts else "right"
            shown.add_column(escape(self.table.columns[column]), justify=justify, overflow="fold", width=widths[column])
        for row in self.table.rows:
            shown.add_row(*(escape(self._wrapped(row[column], column, widths[column])) for column in columns))
        return shown

    def _wrapped(self, text: str, column: int, width: int) -> str:
        """A text in lines that break at spaces, or else at hyphens; Rich would break a long name anywhere."""
        if column >= self.texts:
            return text
        return "\n".join("\n".join(textwrap.wrap(line, width)) for line in text.splitlines())

    def _widths(self, columns: Sequence[int], room: int) -> dict[int, int]:
        """Letters for each column. Rich would cut the widest column, whatever it holds; here the texts get the rest.

        The numbers get room for their names on one line where there is enough for all of them.
        """
        widths = {column: self._least(column) for column in columns}
        left = room - 1 - sum(FRAME + width for width in widths.values())
        wanted = {column: self._most(column) - width for column, width in widths.items()}
        numbers = [column for column in columns if column >= self.texts]
        if sum(wanted[column] for column in numbers) > left:
            wanted |= dict.fromkeys(numbers, 0)
        for column in columns:
            more = max(0, min(left, wanted[column]))
            widths[column] += more
            left -= more
        return widths

    def _least(self, column: int) -> int:
        """Letters that the column needs: its longest word, or for numbers its longest line."""
        words = [len(word) for text in self._texts_of(column) for word in text.split()]
        if column < self.texts:
            return min(LONGEST_WORD, max(words, default=1))
        return max([1, *words, *(len(line) for row in self.table.rows for line in row[column].splitlines())])

    def _most(self, column: int) -> int:
        return max([1, *(len(line) for text in self._texts_of(column) for line in text.splitlines())])

    def _texts_of(self, column: int) -> list[str]:
        return [self.table.columns[column], *(row[column] for row in self.table.rows)]


def printed(table: Table, *, texts: int = 1) -> PrintedTable:
    """The table for a console; its first `texts` columns are text. What it holds is never read as markup."""
    return PrintedTable(table=table, texts=texts)
