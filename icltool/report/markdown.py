"""A recipe's README as HTML: raw HTML stays text, links leave the page only to the web, pictures become data."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import cast

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from icltool.core.errors import InputError
from icltool.core.files import unreadable

MAX_BYTES = 1_000_000
MAX_PICTURE_BYTES = 20_000_000
_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
# The page's own headings are the first two levels.
_DEEPER = 2


def to_html(file: Path) -> str:
    """The Markdown of a file as safe HTML, its first heading left out; raises `InputError` when it cannot be read.

    Links to files would lead nowhere from the page: their text stays. Pictures beside the file are put into the page.
    """
    return _render(_read_text(file), folder=file.parent)


def picture_as_data(file: Path) -> str:
    """An svg or png as a data URI, which a browser shows without running anything in it."""
    try:
        if file.stat().st_size > MAX_PICTURE_BYTES:
            raise InputError(f"{file} has more than {MAX_PICTURE_BYTES} bytes; a report shows smaller pictures")
        content = file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from None
    return f"data:{_TYPES[file.suffix]};base64,{base64.b64encode(content).decode()}"


def _render(text: str, *, folder: Path) -> str:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = _without_first_heading(parser.parse(text))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1:]) + _DEEPER)}"
        _settle(token.children or [], folder=folder)
    return cast("Callable[..., str]", cast("RendererHTML", parser.renderer).render)(tokens, parser.options, {})


def _without_first_heading(tokens: list[Token]) -> list[Token]:
    """A README opens with its title, which the page shows already."""
    opens = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return tokens[3:] if opens else tokens


def _settle(tokens: list[Token], *, folder: Path) -> None:
    """Make links and pictures work from a page that may be anywhere."""
    kept: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            outside = str(token.attrGet("href") or "").startswith(("https://", "http://"))
            kept.append(outside)
            token.hidden = not outside
            token.tag = token.tag if outside else ""
            token.type = token.type if outside else "text"
        elif token.type == "link_close" and not kept.pop():
            token.type = "text"
        elif token.type == "image":
            _put_in(token, folder=folder)


def _put_in(token: Token, *, folder: Path) -> None:
    source = folder / str(token.attrGet("src") or "")
    inside = source.resolve().is_relative_to(folder.resolve())
    if inside and source.suffix in _TYPES and source.is_file():
        token.attrSet("src", picture_as_data(source))
        token.attrJoin("class", "picture")
    else:
        token.type, token.content, token.children = "text", f"[{token.content}]", None


def _read_text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(f"{file} has more than {MAX_BYTES} bytes; a report shows shorter texts")
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise unreadable(file, error) from None
