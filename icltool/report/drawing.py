"""Plotly figures as what the page draws: the title apart, no markup but line breaks and exponents, safe in a script."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import plotly.graph_objects as go

from icltool.report.section import DrawnFigure

# What our own figures write. Plotly would also take links, which a run's label must not become.
_OURS = re.compile(r"<(?!/?(?:br|b|i|sub|sup|extra)\s*/?>)")
_TAG = re.compile(r"<[^>]*>")
_PANEL_WIDTH, _TABLE_WIDTH, _WORDS_WIDTH = 170, 720, 560


def drawn(figure: go.Figure, *, name: str) -> DrawnFigure:
    """The figure for the page; `name` is its title where it has none."""
    table = cast("dict[str, Any]", json.loads(str(figure.to_json())))
    layout = table["layout"]
    title = _TAG.sub(" ", str(layout.pop("title", {}).get("text", "") or name)).strip()
    # The page sets the width, and is wide enough for the figure's own height.
    layout.pop("width", None)
    least_width = _least_width(table)
    text = json.dumps(_plain(table), allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return DrawnFigure(title=title, json=text, least_width=least_width)


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _OURS.sub("&lt;", value)
    if isinstance(value, list):
        return [_plain(entry) for entry in cast("list[object]", value)]
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in cast("Mapping[str, object]", value).items()}
    return value


def _least_width(table: Mapping[str, Any]) -> int:
    """Panels side by side, tables and maps with a word in each cell cannot shrink to a telephone's width."""
    axes = [axis for key, axis in table["layout"].items() if re.fullmatch(r"xaxis\d*", key)]
    panels = len({round(float(axis["domain"][0]), 3) for axis in axes if "domain" in axis})
    kinds = {trace.get("type") for trace in table["data"]}
    worded = any(trace.get("type") == "heatmap" and "text" in trace for trace in table["data"])
    widths = [_PANEL_WIDTH * panels if panels > 1 else 0, _TABLE_WIDTH if "table" in kinds else 0]
    return max(*widths, _WORDS_WIDTH if worded else 0)
