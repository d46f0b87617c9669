"""Accuracy of in-context learners against what they have learned and against what they carry along a sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from icltool.core.result import Result, Row, real, whole
from icltool.figures.series_names import series_names
from icltool.figures.theme import axis, colour, figure
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION, last_accuracy

# Points of a name in the legend, in a wide font: "transformer L=2 D=64".
ENTRY = 160
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")


@dataclass(frozen=True, kw_only=True)
class SizedLearner:
    """A learner's accuracy after the last example (with its interval), what it has learned, and what it carries."""

    name: str
    accuracy: Row
    parameters: int
    state_size: int


def accuracy_by_size(learners: Sequence[SizedLearner], *, chance: float | None) -> go.Figure:
    """Accuracy on unseen tasks against the number of parameters and against the size of the state, a mark a learner.

    A learner without parameters, or without a state, stands at the left end.
    """
    look = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.05)
    for index, learner in enumerate(learners):
        mean = real(learner.accuracy, "mean")
        for column, size in ((1, learner.parameters), (2, learner.state_size)):
            look.add_scatter(
                x=[max(size, 1)],
                y=[mean],
                error_y={
                    "type": "data",
                    "array": [real(learner.accuracy, "high") - mean],
                    "arrayminus": [mean - real(learner.accuracy, "low")],
                    "thickness": 1.2,
                },
                mode="markers",
                marker={"size": 11, "color": colour(index), "symbol": SYMBOLS[index % len(SYMBOLS)]},
                name=learner.name,
                legendgroup=learner.name,
                showlegend=column == 1,
                row=1,
                col=column,
            )
    look.update_layout(figure(title="Accuracy on unseen tasks, by size", x="", y="", log_x=True).layout)
    for column, title, sizes in (
        (1, "parameters (learned beforehand)", [learner.parameters for learner in learners]),
        (2, "state (numbers carried along)", [learner.state_size for learner in learners]),
    ):
        places = _places(sizes)
        look.update_xaxes(
            {
                **axis(title, log=True),
                "dtick": None,
                "tickvals": places,
                "ticktext": ["none" if place == 1 else _decade(place) for place in places],
            },
            row=1,
            col=column,
        )
    look.update_yaxes({**axis(""), "range": [0, 1.02]})
    look.update_yaxes(title={"text": "accuracy after the last example", "standoff": 10}, row=1, col=1)
    look.update_layout(legend={"orientation": "h", "y": -0.2, "entrywidth": ENTRY}, margin={"b": 110})
    if chance is not None:
        look.add_hline(y=chance, line={"color": "#999999", "width": 1, "dash": "dot"})
    return look


def sized(results: Sequence[Result]) -> list[SizedLearner]:
    """The learners of these tests with their sizes, on unseen tasks of the data set they were trained on."""
    learners: list[SizedLearner] = []
    for result, name in zip(results, series_names(results), strict=True):
        own = next(row for row in result.select(measure=BY_POSITION) if row["tasks"] == "unseen")
        learners.append(
            SizedLearner(
                name=name,
                accuracy=last_accuracy(result.select(model=own["model"]), str(own["test"])),
                parameters=whole(result.summary, "parameters"),
                state_size=whole(result.summary, "state_size"),
            )
        )
    return learners


def _places(sizes: Sequence[int]) -> list[int]:
    """Powers of ten around the sizes, and 1 for none."""
    some = [size for size in sizes if size]
    powers = range(len(str(min(some, default=1))) - 1, len(str(max(some, default=1))) + 1)
    return [*([1] if min(sizes, default=1) == 0 else []), *(10**power for power in powers if power)]


def _decade(place: int) -> str:
    return f"10<sup>{len(str(place)) - 1}</sup>"
