"""Error against floating-point operations: what a training has spent, and what a prediction spends."""

from collections.abc import Mapping

import plotly.graph_objects as go

from icltool.core.result import Result
from icltool.figures.marks import LOG_FLOOR
from icltool.figures.theme import DASHES, colour, figure, log_range
from icltool.regression.evaluation.error_records import BY_LOOP
from icltool.regression.models.cost import forward_flops
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.cost import step_flops
from icltool.sweep.collect import finished_runs

ERROR = "squared error (predicting zero = 1)"


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
        y=ERROR,
        log_x=True,
        log_y=True,
    )
    lines = {
        (int(str(result.config["L"])), int(str(result.config["b"])), ending): spent(result)
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
        y=ERROR,
        log_x=True,
        log_y=True,
    )
    lines: dict[tuple[int, int, str], list[tuple[float, float]]] = {}
    for _, result in reversed(finished_runs(sweep, stage)):
        config = config_of(result)
        lines[config.L, config.loops, ""] = [
            (
                forward_flops(config, points=config.n, loops=int(str(row["loop"]))),
                max(float(str(row["mean"])), LOG_FLOOR),
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
