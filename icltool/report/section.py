"""What a page is made of, as plain values: sections, each with facts, figures, tables, settings and commands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from icltool.core.table import Table


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A name and what it is, as text; `help` says what is meant, `apart` that it is not the default."""

    name: str
    value: str
    help: str = ""
    apart: bool = False


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a run, or what is common to the runs of a stage."""

    title: str
    facts: Sequence[Fact]


@dataclass(frozen=True, kw_only=True)
class DrawnFigure:
    """A figure that the page draws: its title, the smallest width it can be read at, and plotly's JSON.

    `json` is safe inside a script element: it has no `<`, `>` or `&`.
    """

    title: str
    json: str
    least_width: int = 0


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page. `prose` is HTML made by `markdown.to_html`, `pictures` are data URIs; all else is plain text.

    `drawings` counts all pictures, those in `prose` too.
    """

    title: str
    kind: str
    lead: str = ""
    path: str = ""
    facts: Sequence[Fact] = ()
    prose: str = ""
    pictures: Sequence[str] = ()
    drawings: int = 0
    figures: Sequence[DrawnFigure] = ()
    tables: Sequence[Table] = ()
    settings: Sequence[Settings] = ()
    machine: Sequence[Fact] = ()
    commands: Sequence[str] = ()
    warnings: Sequence[str] = field(default_factory=list[str])
