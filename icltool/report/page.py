"""Sections as one HTML page that needs nothing else: plotly.js, the style and the data are inside it.

Its content security policy lets exactly our two scripts run and nothing be fetched, so that what a run's files say can
be neither script nor request, even if it got past the escaping of the template.
"""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly import offline

from icltool import __version__
from icltool.core.files import write_atomically
from icltool.report.section import Section

TEMPLATE, SCRIPT, STYLE = "page.html", "page.js", "page.css"


def write_page(sections: Sequence[Section], path: Path) -> Path:
    """Render the sections into `path`; raises `OutputError` when it cannot be written."""
    write_atomically(path, render(sections).encode(errors="replace"))
    return path


def render(sections: Sequence[Section]) -> str:
    """The page's text."""
    templates = Environment(
        loader=PackageLoader("icltool.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [_normal(offline.get_plotlyjs()), _normal(_asset(SCRIPT))]
    return templates.get_template(TEMPLATE).render(
        title=sections[0].title if len(sections) == 1 else "icltool report",
        version=__version__,
        sections=sections,
        scripts=scripts if any(section.figures for section in sections) else [],
        hashes=[_hash(script) for script in scripts],
        style=_asset(STYLE),
    )


def _asset(name: str) -> str:
    return (resources.files("icltool.report") / "page" / name).read_text("utf-8")


def _normal(script: str) -> str:
    """Browsers read every line ending as a newline before they compute the hash."""
    return script.replace("\r\n", "\n").replace("\r", "\n")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
