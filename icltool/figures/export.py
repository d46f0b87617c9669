"""Figures to files: one HTML page that works offline, and svg, png or pdf through one start of a browser."""

import html
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import plotly.graph_objects as go
from plotly import io, offline

from icltool.core.errors import OutputError
from icltool.core.files import make_folder, write_atomically
from icltool.figures.theme import HEIGHT, WIDTH

Format = Literal["html", "svg", "png", "pdf"]
FORMATS: tuple[str, ...] = get_args(Format)
PNG_SCALE = 2
# Points that a legend may need more where the reader's font is wider than the one in which Plotly measured it.
ROOM = 24
# Points of a legend's entry, of the gap between groups of them, and of what is above and below all beside the margins.
ENTRY, GROUP_GAP, AROUND_LEGEND = 20, 10, 12

_STYLE = (
    "body{font-family:Inter,Helvetica,Arial,'DejaVu Sans',sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}h1{font-size:1.4rem}figure{margin:2rem 0}"
)


def write_html(figures: Mapping[str, go.Figure], path: Path, *, title: str) -> Path:
    """All the figures on one page with plotly.js inside it, so that it opens anywhere without a network."""
    parts = [f"<figure>{_html(figure, name)}</figure>" for name, figure in figures.items()]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f"<script>{offline.get_plotlyjs()}</script></head>"
        f"<body><h1>{html.escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )
    # JSON can hold half of a surrogate pair, which cannot be encoded.
    write_atomically(path, page.encode(errors="replace"))
    return path


def write_images(figures: Mapping[str, go.Figure], folder: Path, *, formats: Sequence[str]) -> list[Path]:
    """Each figure in each of the formats, as `<name>.<format>`; raises `OutputError` without a Chrome."""
    if not figures or not formats:
        return []
    make_folder(folder)
    names = [(name, suffix) for name in figures for suffix in formats]
    with tempfile.TemporaryDirectory() as scratch:
        drawn = [Path(scratch) / f"{name}.{suffix}" for name, suffix in names]
        _render([figures[name] for name, _ in names], drawn)
        written: list[Path] = []
        for (name, suffix), source in zip(names, drawn, strict=True):
            target = folder / f"{name}.{suffix}"
            content = source.read_bytes()
            write_atomically(target, with_room(content) if suffix == "svg" else content)
            written.append(target)
    return written


def with_room(svg: bytes) -> bytes:
    """The picture with a legend that is not cut off in a wider font: not clipped, and with room on its right."""
    free, legends = re.subn(rb' clip-path="url\(#legend\w*\)"', b"", svg)
    if not legends:
        return svg
    width = re.compile(rb'(<svg class="main-svg"[^>]*? width="|viewBox="0 0 |<rect x="0" y="0" width=")(\d+)')
    return width.sub(lambda found: found[1] + str(int(found[2]) + ROOM).encode(), free, count=3)


def _render(figures: list[go.Figure], files: list[Path]) -> None:
    from choreographer.errors import ChromeNotFoundError  # noqa: PLC0415 - the browser driver is needed here alone
    from kaleido.errors import KaleidoError  # noqa: PLC0415 - as above

    layouts: list[Any] = [figure["layout"] for figure in figures]
    heights: list[int | None] = [
        layout.height or _height(figure) for layout, figure in zip(layouts, figures, strict=True)
    ]
    scales: list[int | float | None] = [PNG_SCALE if file.suffix == ".png" else 1 for file in files]
    try:
        io.write_images([*figures], [*files], scale=scales, width=WIDTH, height=heights)
    except (ChromeNotFoundError, KaleidoError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OutputError(
            "images need a Chrome or Chromium that starts: install one (plotly_get_chrome does), or use --format html "
            f"({reason})"
        ) from None


def _height(figure: go.Figure) -> int:
    """As the look has it, or more: a legend beside the plot that is longer would be cut off in a picture."""
    traces: Any = figure.data
    layout: Any = figure.layout
    # A table has no place in a legend.
    entries = [trace for trace in traces if getattr(trace, "showlegend", False) is not False and trace.name]
    # Where some are groups, each of the others is one of its own.
    gap = GROUP_GAP if any(trace.legendgroup for trace in entries) else 0
    needed = layout.margin.t + layout.margin.b + AROUND_LEGEND + (ENTRY + gap) * len(entries)
    return HEIGHT if layout.legend.orientation == "h" else max(HEIGHT, needed)


def _html(figure: go.Figure, name: str) -> str:
    return io.to_html(figure, full_html=False, include_plotlyjs=False, default_height=f"{HEIGHT}px", div_id=_id(name))


def _id(name: str) -> str:
    return "figure-" + "".join(letter if letter.isalnum() else "-" for letter in name)
