"""A table as Rich prints it: text to the left, figures to the right."""

from rich.markup import escape
from rich.table import Table as RichTable

from icltool.core.table import Table


def printed(table: Table, *, texts: int = 1) -> RichTable:
    """The table for a console; its first `texts` columns are text. What it holds is never read as markup."""
    shown = RichTable(title=escape(table.title), title_justify="left", title_style="bold")
    for index, column in enumerate(table.columns):
        shown.add_column(escape(column), justify="left" if index < texts else "right", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    return shown
