"""Claim 1a (report 000): depth against loops, every (L, b) with L b <= 8, and the questions the report leaves open."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, real, whole
from icltool.figures.marks import LOG_FLOOR, add_caption, band_over_seeds
from icltool.figures.theme import DASHES, colour, figure, log_range
from icltool.regression.evaluation.error_records import BY_LOOP, BY_SEED, BY_SEED_MEAN_LOOP
from icltool.regression.models.cost import forward_flops
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.cost import step_flops
from icltool.sweep.claims.looped import trainings_compared
from icltool.sweep.collect import AGGREGATE, finished_runs

ERROR = "squared error / d"
ZERO = "squared error (predicting zero = 1)"


def figures(sweep: Result) -> dict[str, go.Figure]:
    """The box plot (last loop; mean of the loops), error against compute, few training prompts, both trainings."""
    return {
        "last-loop": _boxes(sweep, measure=BY_SEED, title="Error after the last loop, x of a random std"),
        "mean-of-loops": _boxes(
            sweep, measure=BY_SEED_MEAN_LOOP, title="Error averaged over loops 1..b, x of a random std"
        ),
        "training-compute": training_compute(sweep, stages={"train": "", "longer": " (longer)"}),
        "inference-compute": inference_compute(sweep, stage="train"),
        "few-prompts": few_prompts(sweep),
        **trainings_compared(sweep, stage="train"),
    }


def _boxes(sweep: Result, *, measure: str, title: str) -> go.Figure:
    """A box for each (L, b), coloured by b: one value for each training seed and each draw of the inputs' std."""
    runs = finished_runs(sweep, "measure")
    look = figure(title=title, x="layers L of the block", y=f"{ERROR}, last point", log_y=True)
    everything: list[float] = []
    for index, loops in enumerate(sorted({whole(varied, "b") for varied, _ in runs})):
        values = [
            (f"L = {varied['L']}", max(real(row, "mean"), LOG_FLOOR))
            for varied, result in runs
            if varied["b"] == loops
            for row in result.select(measure=measure)
        ]
        everything += [value for _, value in values]
        look.add_box(
            x=[layers for layers, _ in values],
            y=[value for _, value in values],
            name=f"b = {loops}",
            offsetgroup=str(loops),
            boxpoints="all",
            pointpos=0,
            jitter=0.4,
            marker={"size": 3, "opacity": 0.5, "color": colour(index)},
            line={"width": 1.5},
        )
    look.update_layout(boxmode="group")
    look.update_xaxes(type="category")
    log_range(look, everything)
    return look


def few_prompts(sweep: Result) -> go.Figure:
    """Held-out error against the size of the training set, a line a model; on the right, fresh prompts."""
    rows = sweep.select(table=AGGREGATE, stage="few-prompts", measure="held_out_error")
    fresh = sweep.select(table=AGGREGATE, stage="train", measure="held_out_error")
    sizes = sorted({whole(row, "train_prompts") for row in rows})
    look = figure(title="Few training prompts, met again and again", x="training prompts", y=ZERO, log_y=True)
    shown: list[Row] = []
    for index, (layers, loops) in enumerate(dict.fromkeys((row["L"], row["b"]) for row in rows)):
        own = sorted(_of(rows, layers, loops), key=lambda row: whole(row, "train_prompts"))
        placed = [*own, *_of(fresh, layers, loops)]
        shown += placed
        means = [real(row, "mean") for row in placed]
        look.add_scatter(
            x=[*(f"{row['train_prompts']:,}" for row in own), *(["fresh ones"] if len(placed) > len(own) else [])],
            y=means,
            error_y={
                "symmetric": False,
                "array": [real(row, "high") - mean for row, mean in zip(placed, means, strict=True)],
                "arrayminus": [mean - real(row, "low") for row, mean in zip(placed, means, strict=True)],
            },
            name=f"L={layers} b={loops}",
            mode="lines+markers",
            line={"color": colour(index), "width": 2.5},
            marker={"size": 8},
        )
    order = [*(f"{size:,}" for size in sizes), "fresh ones"]
    look.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    log_range(look, [real(row, side) for row in shown for side in ("low", "high")])
    counts = {whole(row, "runs") for row in shown}
    if counts - {1}:
        add_caption(look, f"bars: {band_over_seeds(counts)}")
    return look


def _of(rows: Sequence[Row], layers: object, loops: object) -> list[Row]:
    return [row for row in rows if row["L"] == layers and row["b"] == loops]


def spent(result: Result) -> list[tuple[float, float]]:
    """(operations so far, held-out error) at each evaluation of a training.

    The steps between two logged rows are counted at the later one's size of prompts and loops.
    """
    config = config_of(result)
    found: list[tuple[float, float]] = []
    total, before = 0.0, 0
    for row in result.logged():
        step, prompts, points, loops = (int(row[key] or 0) for key in ("step", "prompts", "points", "loops"))
        total += (step - before) * step_flops(config, prompts=prompts, points=points, loops=loops)
        before = step
        error = row.get("held_out_error")
        if error is not None:
            found.append((total, max(float(error), LOG_FLOOR)))
    return found


def config_of(result: Result) -> TrainConfig:
    """A training's settings, out of its result."""
    return TrainConfig.create({name: result.config[name] for name in TrainConfig.model_fields if name in result.config})


def training_compute(sweep: Result, *, stages: Mapping[str, str]) -> go.Figure:
    """Held-out error against the operations spent so far; `stages` maps each to what its lines' names end with."""
    look = figure(
        title="Error against training compute",
        x="floating-point operations of the training so far",
        y=ZERO,
        log_x=True,
        log_y=True,
    )
    lines = {
        (whole(result.config, "L"), whole(result.config, "b"), ending): spent(result)
        for stage, ending in stages.items()
        for _, result in reversed(finished_runs(sweep, stage))
    }
    _add(look, lines)
    return look


def inference_compute(sweep: Result, *, stage: str) -> go.Figure:
    """Error of the last point after 1, 2, ..., b loops against the operations of one prompt through them."""
    look = figure(
        title="Error against inference compute, after 1, 2, ..., b loops",
        x="floating-point operations of a prompt, all its prefixes",
        y=ZERO,
        log_x=True,
        log_y=True,
    )
    lines: dict[tuple[int, int, str], list[tuple[float, float]]] = {}
    for _, result in reversed(finished_runs(sweep, stage)):
        config = config_of(result)
        lines[config.L, config.loops, ""] = [
            (
                forward_flops(config, points=config.n, loops=whole(row, "loop")),
                max(real(row, "mean"), LOG_FLOOR),
            )
            for row in result.select(measure=BY_LOOP, role="model")
        ]
    _add(look, lines)
    return look


def _add(look: go.Figure, lines: Mapping[tuple[int, int, str], list[tuple[float, float]]]) -> None:
    """A line for each (L, b): colour by b, dash by L; of several seeds the first."""
    loops, layers = (sorted({key[place] for key in lines}) for place in (1, 0))
    for (L, b, ending), places in sorted(lines.items()):
        look.add_scatter(
            x=[flops for flops, _ in places],
            y=[error for _, error in places],
            name=f"L={L} b={b}{ending}",
            mode="lines+markers",
            line={
                "color": colour(loops.index(b)),
                "dash": DASHES[layers.index(L)],
                "width": 3.5 if ending else 2,
            },
            marker={"size": 6, "symbol": layers.index(L)},
        )
    log_range(look)
    log_range(look, side="x")
