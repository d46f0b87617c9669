"""How soon held-out error falls: the default training against the reports' and the official one, and its parts.

CPU seconds are those of the steps alone, in a process with one thread; measuring and saving are left out.
"""

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go

from icltool.core.metrics_log import read_rows
from icltool.core.result import Result, Row
from icltool.figures.marks import LOG_FLOOR
from icltool.figures.theme import DASHES, colour, figure, log_range
from icltool.sweep.collect import finished_runs

LEARNED = 0.1
STEPS, SECONDS = "step", "cpu_seconds"
AXES = {STEPS: "training step", SECONDS: "CPU seconds of the steps, one thread"}
ERROR = "held-out error of the last point (predicting zero = 1)"

# A line's group (its colour and legend entry) from what varied in the run.
Name = Callable[[Row], str]
Trainings = Sequence[tuple[str, Result]]


def figures(sweep: Result) -> dict[str, go.Figure]:
    """Learning curves of the trainings, the parts, the function classes and every (L, b); by seconds or by steps."""
    rivals = {"fast": "icltool's default", "report": "report 001", "official": "official, scaled"}
    deep = {"twelve-layers": "icltool's default", "twelve-layers-report": "report 001"}
    ours = _trainings(sweep, {"fast": "linear regression, default"})
    drawn = {
        "against-time": curves(_trainings(sweep, rivals), SECONDS, title="One layer looped ten times"),
        "against-steps": curves(_trainings(sweep, rivals), STEPS, title="One layer looped ten times"),
        "twelve-layers": curves(_trainings(sweep, deep), SECONDS, title="Twelve layers without loops"),
        "parts": curves(_beside(ours, _named(sweep, "parts", _part)), SECONDS, title="What each part is good for"),
        "classes": curves(
            _beside(ours, _named(sweep, "classes", lambda varied: str(varied["task"]))), STEPS, title="Function classes"
        ),
        "growing-loops": curves(
            _beside(ours, _trainings(sweep, {"growing-loops": "loops grow from 4 to 10"})), SECONDS, title="Growing b"
        ),
        "every-model": curves(
            _named(sweep, "every-model", lambda varied: f"L={varied['L']} b={varied['b']}"),
            STEPS,
            title="One schedule for every L and b",
        ),
    }
    return {name: look for name, look in drawn.items() if look.data}


def curves(trainings: Trainings, axis: str, *, title: str) -> go.Figure:
    """Held-out error along the axis: a line a training, one colour and legend entry a name."""
    look = figure(title=title, x=AXES[axis], y=ERROR, log_y=True)
    names = list(dict.fromkeys(name for name, _ in trainings))
    everything: list[float] = [LEARNED]
    for place, (name, result) in enumerate(trainings):
        rows = [row for row in read_rows(result.run / "metrics.jsonl") if row.get("held_out_error") is not None]
        errors = [max(float(row["held_out_error"] or 0), LOG_FLOOR) for row in rows]
        everything += errors
        seeds_before = sum(other == name for other, _ in trainings[:place])
        look.add_scatter(
            x=[row[axis] for row in rows],
            y=errors,
            name=name,
            legendgroup=name,
            showlegend=seeds_before == 0,
            mode="lines",
            line={"color": colour(names.index(name)), "dash": DASHES[seeds_before % len(DASHES)], "width": 2},
            hovertemplate=f"{name}, seed {result.config.get('seed')}<br>%{{x:.4g}}: %{{y:.3g}}<extra></extra>",
        )
    if trainings:
        look.add_hline(y=LEARNED, line={"color": "#888", "dash": "dot", "width": 1})
        log_range(look, everything)
    return look


def _trainings(sweep: Result, stages: Mapping[str, str]) -> Trainings:
    return [(name, result) for stage, name in stages.items() for _, result in finished_runs(sweep, stage)]


def _named(sweep: Result, stage: str, name: Name) -> Trainings:
    return [(name(varied), result) for varied, result in finished_runs(sweep, stage)]


def _beside(ours: Trainings, others: Trainings) -> Trainings:
    """The others with ours for comparison; nothing where a scale leaves the others out."""
    return [*ours, *others] if others else []


def _part(varied: Row) -> str:
    if varied["optimiser"] == "adam":
        return f"Adam at {varied['lr']:g}"
    return {"none": "no curriculum", "timed": "curriculum by the clock"}[str(varied["curriculum"])]
