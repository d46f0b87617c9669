"""Results of any kinds to files: each kind's figures by its own study, all images in one browser start."""

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from icltool.core.files import make_folder
from icltool.core.result import Result
from icltool.figures.export import write_html, write_images
from icltool.studies.registry import study_named


def plot_results(results: Sequence[Result], *, formats: Sequence[str], folder: Path) -> list[Path]:
    """Draw the results, those of a kind overlaid, into `folder`; returns the files written.

    HTML is one page a kind; an image is one file a figure and format. Raises `OutputError` when images are asked for
    and no browser starts, after the HTML is written.
    """
    make_folder(folder)
    by_kind: dict[str, list[Result]] = {}
    for result in results:
        by_kind.setdefault(result.kind, []).append(result)
    drawn = {kind: study_named(kind).figures()(members) for kind, members in by_kind.items()}
    files: list[Path] = []
    if "html" in formats:
        for kind, figures in drawn.items():
            name = "figure.html" if len(drawn) == 1 else f"{kind}.html"
            files.append(write_html(figures, folder / name, title=f"icltool {kind}"))
    images = [suffix for suffix in formats if suffix != "html"]
    everything: dict[str, go.Figure] = {
        f"{kind}-{name}": figure for kind, figures in drawn.items() for name, figure in figures.items()
    }
    return files + write_images(everything, folder, formats=images)
