"""Figures of `double-descent`: losses, dimensionalities and norms against T, and the plane's vectors for m = 2."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.bootstrap import rows_over_seeds
from icltool.core.result import Result, Row, real, whole
from icltool.core.table import Table, as_text, counted_range
from icltool.figures.curve_figures import learning_curves
from icltool.figures.heat_map import heat_map
from icltool.figures.marks import add_band_line, add_caption, band_over_seeds
from icltool.figures.series_names import series_names
from icltool.figures.theme import DASHES, GREYS, colour, figure, log_range
from icltool.superposition.studies.double_descent.animation import animation_figure
from icltool.superposition.studies.double_descent.plane import plane_figures
from icltool.superposition.studies.double_descent.run import FEATURE, FINAL, SAMPLE

LOSS = "loss (predicting zero = 1)"
SIZE = "training samples T"
# What two series of one figure may differ in, as their names say it.
_SETTINGS = ("m", "n", "sparsity", "weight_decay", "steps", "lr", "warmup", "initialisations")
MOST_CURVES = 6
# Dots of a run and sort in the scatter: the longest features, the first samples.
MOST_DOTS = 100


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """By name: losses, dimensionality and norms against T; a map over T and m where m varies; the planes and their
    animation for m = 2; learning curves of a few runs.
    """
    drawn = {
        "test-loss": _loss(results, "test"),
        "train-and-test-loss": _loss(results, "train", "test"),
        "dimensionality": _dimensionality(results),
        "norms": _norms(results),
    }
    if len({row["m"] for row in _finals(results)}) > 1:
        drawn["test-loss-map"] = _test_loss_map(results)
    drawn.update(plane_figures(results))
    animation = animation_figure(results)
    if animation is not None:
        drawn["plane-animation"] = animation
    if len(results) <= MOST_CURVES:
        runs = zip(results, series_names(results), strict=True)
        drawn["learning-curve"] = learning_curves(
            {name: result.logged() for result, name in runs},
            loss="loss",
            held_out="test_loss",
            title="Training of the toy ReLU model",
            y=LOSS,
        )
    return drawn


def table(result: Result) -> Table:
    """The losses and the geometry at the end of training."""
    [final] = result.select(measure=FINAL)
    names = [name for name in final if name not in {"measure", "T", "m", "seed"}]
    return Table(
        title=f"Toy ReLU model, T = {final['T']} samples, m = {final['m']} (predicting zero: loss 1)",
        columns=["", "value"],
        rows=[[name.replace("_", " "), as_text(final[name])] for name in names],
    )


def _loss(results: Sequence[Result], *parts: str) -> go.Figure:
    """The parts (test, train) against T; the axis is logarithmic, since a bump can be small or many times 1."""
    title = f"{' and '.join(parts).capitalize()} loss against the size of the training set"
    look = figure(title=title, x=SIZE, y=LOSS, log_x=True, log_y=True)
    for index, (name, rows) in enumerate(_series(results).items()):
        for part in parts:
            label = f"{name}: {part}" if name else part
            add_band_line(look, rows_over_seeds(rows, f"{part}_loss", by=["T"]), x="T", name=label, index=index)
            look.update_traces(line_dash="solid" if part == "test" else "dash", selector={"name": label})
    look.add_hline(y=1, line={"color": GREYS[1], "width": 1, "dash": "dot"})
    # A training loss of a memorised set is rounding: below this it only takes room.
    log_range(look, [max(real(row, f"{part}_loss"), 1e-4) for row in _finals(results) for part in parts])
    log_range(look, side="x")
    _name_band(look, results)
    look.update_layout(showlegend=True)
    return look


def _norms(results: Sequence[Result]) -> go.Figure:
    look = figure(title="Norms of the trained parameters", x=SIZE, y="norm", log_x=True, log_y=True)
    for index, (name, rows) in enumerate(_series(results).items()):
        for column, label, dash in (
            ("W_norm", "‖W‖ (Frobenius)", "solid"),
            ("b_norm", "‖b‖", "dash"),
            ("sample_length", "mean length of h", "dot"),
        ):
            shown = f"{name}: {label}" if name else label
            hue = index if len(_series(results)) > 1 else DASHES.index(dash)
            add_band_line(look, rows_over_seeds(rows, column, by=["T"]), x="T", name=shown, index=hue)
            look.update_traces(line_dash=dash, selector={"name": shown})
    log_range(look)
    log_range(look, side="x")
    _name_band(look, results)
    look.update_layout(showlegend=True)
    return look


def _test_loss_map(results: Sequence[Result]) -> go.Figure:
    """The test loss of every T and m, the mean over seeds; colours by its logarithm, else one bump hides the others."""
    means = rows_over_seeds(_finals(results), "test_loss", by=["T", "m"])
    look = heat_map(
        [{**row, "T": str(row["T"]), "m": str(row["m"])} for row in means],
        x="T",
        y="m",
        value="mean",
        title="Test loss against training samples and hidden dimensions",
        x_title=SIZE,
        y_title="hidden dimensions m",
        value_title="loss",
        log=min(real(row, "mean") for row in means) > 0,
    )
    look.update_xaxes(type="category")
    look.update_yaxes(type="category")
    counts = {whole(row, "runs") for row in means}
    if counts != {1}:
        add_caption(look, f"mean over {counted_range(counts, 'run')}")
    return look


def _dimensionality(results: Sequence[Result]) -> go.Figure:
    """Every dot a vector; features stand a little left of their T, samples a little right."""
    look = figure(title="Dimensionality of features and samples", x=SIZE, y="dimensionality D", log_x=True)
    for measure, shift, hue, name in ((FEATURE, 0.93, 0, "features"), (SAMPLE, 1.07, 1, "samples")):
        rows = [row for result in results for row in result.select(measure=measure)[:MOST_DOTS]]
        look.add_scatter(
            x=[real(row, "T") * shift for row in rows],
            y=[row["dimensionality"] for row in rows],
            mode="markers",
            marker={"size": 5, "color": colour(hue), "opacity": 0.45},
            name=name,
            hovertemplate=f"{name}: %{{y:.3g}}<extra></extra>",
        )
    sizes = sorted({whole(row, "T") for row in _finals(results)})
    low, high = sizes[0] / 1.3, sizes[-1] * 1.3
    across = [low * (high / low) ** (place / 60) for place in range(61)]
    for index, m in enumerate(sorted({whole(row, "m") for row in _finals(results)})):
        look.add_scatter(
            x=across,
            y=[min(1.0, m / T) for T in across],
            mode="lines",
            line={"color": GREYS[0], "width": 1.2, "dash": DASHES[index % len(DASHES)]},
            name=f"m/T, m = {m}",
        )
    look.add_scatter(
        x=[across[0], across[-1]],
        y=[2 / 5, 2 / 5],
        mode="lines",
        line={"color": GREYS[1], "width": 1.2, "dash": "dashdot"},
        name="2/5 (a pentagon)",
    )
    log_range(look, side="x")
    look.update_layout(showlegend=True)
    return look


def _finals(results: Sequence[Result]) -> list[Row]:
    return [row for result in results for row in result.select(measure=FINAL)]


def _series(results: Sequence[Result]) -> dict[str, list[Row]]:
    """The final rows by the settings in which the results differ, T and seed apart; one series has no name."""
    differing = [name for name in _SETTINGS if len({result.config.get(name) for result in results}) > 1]
    series: dict[str, list[Row]] = {}
    for result in results:
        name = ", ".join(
            f"{setting.replace('_', ' ')} = {as_text(result.config.get(setting))}" for setting in differing
        )
        series.setdefault(name, []).extend(result.select(measure=FINAL))
    return series


def _name_band(look: go.Figure, results: Sequence[Result]) -> None:
    """Say what the bands are, where some line has more than one seed at some T."""
    finals = [row for rows in _series(results).values() for row in rows_over_seeds(rows, "test_loss", by=["T"])]
    counts = {whole(row, "runs") for row in finals}
    if counts != {1}:
        add_caption(look, f"band: {band_over_seeds(counts)}")
