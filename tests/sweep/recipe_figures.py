"""What a reader finds in the figures of each recipe at its smoke scale, written down by hand from claim and grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

# These entries explain a dash or a symbol of the other lines; they have no point of their own.
EXPLAINING = ("held-out error", "training error, smoothed", "b loops", "2b loops", "3b loops")


# How a caption begins that names what a figure draws around its means.
BAND = ("band: ", "bars: ")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The legend's entries, the texts within the figure, [x, y] of each heat map, and [columns, first column]."""

    legend: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    cells: list[list[list[Any]]] = field(default_factory=list[list[list[Any]]])
    table: list[list[str]] = field(default_factory=list[list[str]])


def shown(figure: go.Figure) -> Shown:
    """What this figure shows."""
    drawn: Any = figure.to_dict()
    traces, layout = drawn["data"], drawn["layout"]
    maps = [trace for trace in traces if trace["type"] == "heatmap"]
    tables = [trace for trace in traces if trace["type"] == "table"]
    lines = [trace for trace in traces if trace["type"] in {"scatter", "box"}]
    assert len(maps) + len(tables) + len(lines) == len(traces)
    legend = [trace.get("name") for trace in lines if layout.get("showlegend", True) and trace.get("showlegend", True)]
    return Shown(
        legend=legend,
        texts=[note["text"] for note in layout.get("annotations", ()) if not note["text"].startswith(BAND)],
        cells=[[list(trace["x"]), list(trace["y"])] for trace in maps if trace.get("x") is not None],
        table=[
            part for trace in tables for part in (_plain(trace["header"]["values"]), list(trace["cells"]["values"][0]))
        ],
    )


def without_points(figure: go.Figure) -> list[str]:
    """The entries of the legend whose line, boxes or map hold no value, but for those that explain others."""
    drawn: Any = figure.to_dict()
    return [
        str(trace.get("name"))
        for trace in drawn["data"]
        if trace.get("name") not in EXPLAINING and all(value is None for value in _values(trace))
    ]


def bands_without_name(figure: go.Figure) -> int:
    """How many bands (filled outlines, error bars) the figure draws without a caption that says what they are.

    One without width, of a single run without a band of its own, cannot be seen.
    """
    drawn: Any = figure.to_dict()
    bands = [trace for trace in drawn["data"] if _width(trace) > 0]
    named = any(note["text"].startswith(BAND) for note in drawn["layout"].get("annotations", ()))
    return 0 if named else len(bands)


def _width(trace: Any) -> float:
    """The largest width of a trace's band; 0 where it has none."""
    if trace.get("fill") == "toself":
        there, back = trace["y"][: len(trace["y"]) // 2], trace["y"][::-1]
        return max(abs(high - low) for high, low in zip(there, back, strict=False))
    bars = trace.get("error_y") or {}
    return max([0.0, *bars.get("array", ()), *bars.get("arrayminus", ())])


def _values(trace: Any) -> list[Any]:
    match trace["type"]:
        case "heatmap":
            return [value for row in trace["z"] for value in row]
        case "table":
            return list(trace["cells"]["values"][0])
        case _:
            return list(trace["y"])


def _plain(headings: Sequence[str]) -> list[str]:
    return [heading.replace("<b>", "").replace("</b>", "").replace("<br>", " ") for heading in headings]


QUICK = ("least squares", "ridge", "averaging", "3-nearest neighbours")
REPORT = "report's training (one seed)"
BOTH_CURVES = ("held-out error", "training error, smoothed")
MULTIPLES = ("b loops", "2b loops", "3b loops")


def trainings_compared(*, steps: int) -> Mapping[str, Shown]:
    """One model, trained as the recipe's smoke scale does and as the report does."""
    legend = [f"{training}, {steps} steps of adam" for training in ("this recipe", "the report")]
    return {"trainings-compared": Shown(legend=[*legend, *BOTH_CURVES])}


def errors(*models: str, by_loop: Sequence[str] = (), mark: str = "") -> Mapping[str, Shown]:
    """Along the context beside the quick baselines (d = 3), and along the loops, where the trained b is marked."""
    return {
        "error-by-example": Shown(legend=[*QUICK, *models], texts=["d = 3"]),
        "error-by-loop": Shown(legend=[*models, *by_loop], texts=[mark] if mark else []),
    }


def double_descent(
    stage: str = "",
    *,
    groups: Sequence[str] = ("",),
    corners: Sequence[str] = ("m/T, m = 2",),
    curves: Sequence[str],
) -> Mapping[str, Shown]:
    """Figures of T = 3 and T = 40: `groups` are what their lines' names begin with, `curves` those of the trainings."""
    norms = ("‖W‖ (Frobenius)", "‖b‖", "mean length of h")
    plane = Shown(texts=[f"{what}, T = {T}" for what in ("columns of W", "hidden vectors h") for T in (3, 40)])
    own = {
        "test-loss": Shown(legend=[f"{group}test" for group in groups]),
        "train-and-test-loss": Shown(legend=[f"{group}{part}" for group in groups for part in ("train", "test")]),
        "dimensionality": Shown(legend=["features", "samples", *corners, "2/5 (a pentagon)"]),
        "norms": Shown(legend=[f"{group}{norm}" for group in groups for norm in norms]),
        "plane": plane,
        "plane-one-scale": plane,
        "plane-animation": plane,
        "learning-curve": Shown(
            legend=[f"{curve}: {what}" for curve in curves for what in ("training loss", "held-out error")]
        ),
    }
    return {f"{stage}{name}": figure for name, figure in own.items()}


def masked(keep: str, scope: str, *report: str) -> Mapping[str, Shown]:
    """Two models at b, 2b and 3b loops."""
    legend = ["b=2 T=2", "b=3 T=3", *report, *MULTIPLES]
    return {f"{keep}-pairs-of-the-{scope}": Shown(legend=legend, texts=["d = 3"])}


def probed(model: str, target: str, *, states: int, prefixes: int) -> Mapping[str, Shown]:
    """The map of a model's states, its embedding first, against the prefixes that a target has."""
    cells = [[list(range(states + 1)), list(range(1, prefixes + 1))]]
    return {f"error-by-prefix-{model}-{target}": Shown(cells=cells)}


PROBED = ["predicting zero", "standard L=2", "standard L=2, control", "looped L=1 b=3", "looped L=1 b=3, control"]
LEARNERS = [
    "transformer L=1 D=8", "lstm L=1 D=8", "op-lstm L=1 D=8", "vsml L=1 D=8", "maml L=2 D=8", "mlp L=2 D=8",
    "sgd from scratch",
]  # fmt: skip
TASKS_AND_WIDTHS = [["2<sup>0</sup>", "2<sup>4</sup>"], ["2", "4"]]
TASKS = ("seen tasks", "unseen tasks")
FAST = "linear regression, default"

FIGURES: Mapping[str, Mapping[str, Shown]] = {
    "depth-vs-loops": {
        "last-loop": Shown(legend=["b = 1", "b = 2"]),
        "mean-of-loops": Shown(legend=["b = 1", "b = 2"]),
        "training-compute": Shown(legend=["L=1 b=1", "L=1 b=2", "L=2 b=1", "L=2 b=1 (longer)"]),
        "inference-compute": Shown(legend=["L=1 b=1", "L=1 b=2", "L=2 b=1"]),
        "few-prompts": Shown(legend=["L=1 b=2", "L=2 b=1"]),
        **trainings_compared(steps=20),
    },
    "dilated-windows": {
        **errors("dilation 1", "dilation 2", mark="trained b = 4"),
        **trainings_compared(steps=30),
    },
    "double-descent": {
        **double_descent("paper-data-", curves=["T=3 m=2", "T=40 m=2"]),
        **double_descent("report-data-", curves=["T=3 m=2", "T=40 m=2"]),
    },
    "double-descent-dimensions": {
        **double_descent(
            groups=["m = 2: ", "m = 4: "],
            corners=["m/T, m = 2", "m/T, m = 4"],
            curves=["T=3 m=2", "T=3 m=4", "T=40 m=2", "T=40 m=4"],
        ),
        "test-loss-map": Shown(cells=[[["3", "40"], ["2", "4"]]]),
    },
    "double-descent-regularisation": {
        **double_descent(
            "decay-",
            groups=["weight decay = 0: ", "weight decay = 0.1: "],
            curves=[f"T={T} m=2 (weight decay {decay})" for T in (3, 40) for decay in ("0.0", "0.1")],
        ),
        **double_descent(
            "length-",
            groups=["steps = 15: ", "steps = 30: "],
            curves=[f"T={T} m=2 (steps {steps})" for T in (3, 40) for steps in (15, 30)],
        ),
    },
    # The image is a one; the tasks call it 9, 4 and 2.
    "gpicl-augmentation": {
        "preview": Shown(texts=["image: label 1", "task 0: label 9", "task 1: label 4", "task 2: label 2"]),
    },
    "gpicl-learners": {
        "table": Shown(
            texts=["± is half of the band: 95 % interval (Wilson)"],
            table=[
                ["learner", "digits: unseen tasks", "random: unseen tasks", "last - first", "parameters", "state"],
                [*LEARNERS, "chance"],
            ]
        ),
        "accuracy-by-size": Shown(legend=LEARNERS),
    },
    "gpicl-learning-curve": {
        "accuracy-by-position": Shown(
            legend=[
                f"{learner}, {test}"
                for learner in ("transformer", "mlp")
                for test in ("digits: unseen tasks", "digits: seen tasks", "random: unseen tasks")
            ],
            texts=["chance"],
        ),
    },
    "gpicl-phase-transition": {
        "improvement-by-tasks": Shown(legend=["digits: unseen tasks", "digits: seen tasks", "random: unseen tasks"]),
    },
    "gpicl-width-and-tasks": {
        "width-and-tasks": Shown(
            texts=[f"{model}, {tasks}" for model in ("MLP (no context)", "Transformer") for tasks in TASKS],
            cells=[TASKS_AND_WIDTHS] * 4,
        ),
    },
    "loop-extrapolation": {
        **errors("b=2 T=2", "b=3 T=3", REPORT, by_loop=["trained b"]),
        **trainings_compared(steps=30),
    },
    "loop-schedules": {
        **errors("fixed 2, T=2", "fixed 3, T=2", "1 to 3, T=2", REPORT, by_loop=["trained b"]),
        "learning-curves": Shown(legend=["fixed 2, T=2", "fixed 3, T=2", "1 to 3, T=2", *BOTH_CURVES]),
        **trainings_compared(steps=30),
    },
    "looped-layers": {
        **errors("L=1 b=2", "L=2 b=2", REPORT, mark="trained b = 2"),
        "learning-curves": Shown(legend=["L=1 b=2", "L=2 b=2", *BOTH_CURVES]),
        **trainings_compared(steps=30),
    },
    "loops-against-layers": {
        "error-by-example": Shown(
            legend=[*QUICK, "standard L=2", "looped b=2 T=2", "looped b=3 T=3"], texts=["d = 3"]
        ),
        "learning-curves": Shown(legend=["standard L=2", "looped b=2 T=2", "looped b=3 T=3", *BOTH_CURVES]),
        **trainings_compared(steps=30),
    },
    "masked-state": {
        **masked("last", "state", REPORT),
        **masked("last", "input"),
        **masked("first", "state"),
        **masked("first", "input"),
        **trainings_compared(steps=30),
    },
    # d = 3 and n = 6: least squares has 3 prefixes, the moment 6. The looped model is probed to loop 4, beyond its 3.
    "probing": {
        "error-by-state-Wols": Shown(legend=[*PROBED, f"looped L=1 b=3, {REPORT}"], texts=["trained b = 3"]),
        "error-by-state-Xy": Shown(legend=PROBED, texts=["trained b = 3"]),
        **probed("standard", "Wols", states=2, prefixes=3),
        **probed("standard", "Xy", states=2, prefixes=6),
        **probed("looped", "Wols", states=4, prefixes=3),
        **probed("looped", "Xy", states=4, prefixes=6),
        **trainings_compared(steps=30),
    },
    "time-to-quality": {
        "against-time": Shown(legend=["icltool's default", "report 001", "official, scaled"]),
        "against-steps": Shown(legend=["icltool's default", "report 001", "official, scaled"]),
        "twelve-layers": Shown(legend=["icltool's default", "report 001"]),
        "parts": Shown(legend=[FAST, "Adam at 0.001", "no curriculum", "curriculum by the clock"]),
        "classes": Shown(
            legend=[FAST, "noisy-linear-regression", "sparse-linear-regression", "decision-tree", "relu-2nn"]
        ),
        "growing-loops": Shown(legend=[FAST, "loops grow from 4 to 10"]),
        "every-model": Shown(legend=["L = 1", "L = 2"], texts=["depth L b = 2"]),
    },
}  # fmt: skip
