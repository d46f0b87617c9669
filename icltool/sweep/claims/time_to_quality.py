"""How soon held-out error falls: the default training against the reports' and the official one, and its parts.

CPU seconds are those of the steps alone, in a process with one thread; measuring and saving are left out.
"""

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row, whole
from icltool.figures.marks import LOG_FLOOR
from icltool.figures.theme import DASHES, axis, colour, figure, log_range
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
        "every-model": by_depth([run for _, run in finished_runs(sweep, "every-model")]),
    }
    return {name: look for name, look in drawn.items() if look.data}


def curves(trainings: Trainings, along: str, *, title: str) -> go.Figure:
    """Held-out error along steps or seconds: a line a training, one colour and legend entry a name."""
    look = figure(title=title, x=AXES[along], y=ERROR, log_y=True)
    names = list(dict.fromkeys(name for name, _ in trainings))
    for place, (name, result) in enumerate(trainings):
        seeds_before = sum(other == name for other, _ in trainings[:place])
        line = _line(result, along, name, hue=colour(names.index(name)), seeds_before=seeds_before)
        look.add_trace(line.update(showlegend=seeds_before == 0))
    _mark_learned(look)
    return look


def by_depth(runs: Sequence[Result]) -> go.Figure:
    """Held-out error against steps: a panel for each depth L b, a colour for each number of layers L in it."""
    sized = [(whole(run.config, "L"), whole(run.config, "b"), run) for run in runs]
    sized.sort(key=lambda size: size[:2])
    depths = sorted({L * b for L, b, _ in sized})
    layers = sorted({L for L, _, _ in sized})
    look = figure(title="One schedule for every L and b", x="", y="", log_y=True)
    look.set_subplots(
        rows=1,
        cols=max(len(depths), 1),
        shared_yaxes=True,
        horizontal_spacing=0.025,
        subplot_titles=[f"depth L b = {depth}" for depth in depths],
    )
    for place, (L, b, run) in enumerate(sized):
        before = [size[:2] for size in sized[:place]]
        line = _line(run, STEPS, f"L = {L}", hue=colour(layers.index(L)), seeds_before=before.count((L, b)))
        first = all(other != L for other, _ in before)
        look.add_trace(line.update(showlegend=first), row=1, col=depths.index(L * b) + 1)
    look.update_xaxes(axis(AXES[STEPS]))
    look.update_yaxes(axis("", log=True))
    look.update_yaxes(axis(ERROR, log=True), row=1, col=1)
    look.update_annotations(font={"size": 14})
    _mark_learned(look)
    return look


def _line(result: Result, along: str, name: str, *, hue: str, seeds_before: int) -> go.Scatter:
    rows = [row for row in result.logged() if row.get("held_out_error") is not None]
    return go.Scatter(
        x=[row[along] for row in rows],
        y=[max(float(row["held_out_error"] or 0), LOG_FLOOR) for row in rows],
        name=name,
        legendgroup=name,
        mode="lines",
        line={"color": hue, "dash": DASHES[seeds_before % len(DASHES)], "width": 2},
        hovertemplate=f"{name}, seed {result.config.get('seed')}<br>%{{x:.4g}}: %{{y:.3g}}<extra></extra>",
    )


def _mark_learned(look: go.Figure) -> None:
    """A dotted line at the level that counts as learned, in view beside all the errors."""
    lines = [trace for trace in look.data if isinstance(trace, go.Scatter)]
    if lines:
        look.add_hline(y=LEARNED, line={"color": "#888", "dash": "dot", "width": 1})
        log_range(look, [LEARNED, *(float(error) for line in lines for error in line["y"] or ())])


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
