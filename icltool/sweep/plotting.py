"""Results of any kinds to files: each kind's figures by its own study or claim, all images in one browser start."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

import plotly.graph_objects as go

from icltool.core.errors import InputError
from icltool.core.files import make_folder
from icltool.core.result import Result, Row
from icltool.figures.export import write_html, write_images
from icltool.studies import study_named
from icltool.sweep.collect import KIND, RUN, SEEDS
from icltool.sweep.recipe import FIGURES
from icltool.sweep.seeds import mean_of_runs, series_of, title_with_seeds


def draw(results: Sequence[Result]) -> dict[str, dict[str, go.Figure]]:
    """The figures of the results by kind, those of a kind overlaid; sweeps one by one, by their claims."""
    by_kind: dict[str, list[Result]] = {}
    for result in results:
        by_kind.setdefault(result.kind, []).append(result)
    drawn: dict[str, dict[str, go.Figure]] = {}
    for kind, members in by_kind.items():
        if kind == KIND:
            drawn.update({str(sweep.config.get("recipe")): sweep_figures(sweep) for sweep in members})
        else:
            drawn[kind] = study_named(kind).figures()(members)
    return drawn


def sweep_figures(sweep: Result) -> dict[str, go.Figure]:
    """A sweep's own figures; without a claim's, those of its last stage's runs overlaid."""
    name = sweep.config.get("figure")
    if name is None:
        return _overlaid(sweep)
    if str(name) not in FIGURES:
        raise InputError(f"{sweep.path}: there is no figure {name!r} in this icltool; update it, or check the recipe")
    module, function = FIGURES[str(name)].split(":")
    draw_claim: Callable[[Result], dict[str, go.Figure]]
    draw_claim = getattr(importlib.import_module(f"icltool.sweep.claims.{module}"), function)
    return draw_claim(sweep)


def plot_results(results: Sequence[Result], *, formats: Sequence[str], folder: Path) -> list[Path]:
    """Draw the results into `folder`; returns the files written.

    HTML is one page a kind; an image is one file a figure and format. Raises `OutputError` when images are asked for
    and no browser starts, after the HTML is written.
    """
    make_folder(folder)
    drawn = draw(results)
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


def _overlaid(sweep: Result) -> dict[str, go.Figure]:
    """The last stage's results by their study's figures: a line for the runs that differ in their seeds only."""
    stages = list(dict.fromkeys(str(row["stage"]) for row in sweep.select(table=RUN)))
    series = series_of(sweep, stage=stages[-1], name=_without_seeds) if stages else []
    runs = [run for one in series for run in one.runs]
    if not runs:
        return {}
    study = study_named(runs[0].kind)
    results = runs if study.averages else [mean_of_runs(one.runs) for one in series]
    drawn = study.figures()(results)
    for figure in drawn.values():
        figure.update_layout(title_text=title_with_seeds(figure.layout.title.text, results))
    return drawn


def _without_seeds(varied: Row) -> str:
    return str({key: value for key, value in varied.items() if key not in SEEDS})
