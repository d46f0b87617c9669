"""Claim 2c (report 003): learners compared on unseen tasks, with chance, parameters and state sizes."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, Row
from icltool.figures.theme import figure
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION, IMPROVEMENT, last_accuracy
from icltool.gpicl.figures.learner_sizes import SizedLearner, accuracy_by_size
from icltool.sweep.collect import finished_runs
from icltool.sweep.seeds import Series, told_of_seeds

STAGES = ("measure", "measure-memoriser")
TITLE = "Accuracy on unseen tasks, test images, after the last example"


def figures(sweep: Result) -> dict[str, go.Figure]:
    """The table, and accuracy against parameters and against state size; seeds are averaged."""
    runs: dict[str, list[Result]] = {}
    for stage in STAGES:
        for _, result in finished_runs(sweep, stage):
            runs.setdefault(result.label, []).append(result)
    series = [Series(label=label, runs=seeds) for label, seeds in runs.items()]
    results = [one.result for one in series]
    learners = [learner for result in results for learner in _learners(result)]
    chance = next((result.summary.get("chance") for result in results), None)
    level = chance if isinstance(chance, float) else None
    by_size = accuracy_by_size(learners, chance=level)
    title = told_of_seeds(by_size.layout.title.text, series)
    return {
        "table": _table(results, learners, level).update_layout(title_text=told_of_seeds(TITLE, series)),
        "accuracy-by-size": by_size.update_layout(title_text=title),
    }


def _learners(result: Result) -> list[SizedLearner]:
    """The tested learner, and the one from scratch where it was fitted too."""
    own = _sized(result, model=result.label, parameters="parameters", state="state_size")
    others = [model for model in dict.fromkeys(str(row["model"]) for row in result.records) if model != result.label]
    return [
        own,
        *(_sized(result, model=model, parameters="sgd_parameters", state="sgd_state_size") for model in others),
    ]


def _sized(result: Result, *, model: str, parameters: str, state: str) -> SizedLearner:
    rows = result.select(model=model)
    return SizedLearner(
        name=model,
        accuracy=last_accuracy(rows, _tests(rows)[0]),
        parameters=int(str(result.summary[parameters])),
        state_size=int(str(result.summary[state])),
    )


def _tests(rows: Sequence[Row]) -> list[str]:
    """The tests on unseen tasks, that of the learner's own data set first."""
    return list(dict.fromkeys(str(row["test"]) for row in rows if row["tasks"] == "unseen"))


def _table(results: Sequence[Result], learners: Sequence[SizedLearner], chance: float | None) -> go.Figure:
    records = [row for result in results for row in result.records]
    tests = list(dict.fromkeys(test for result in results for test in _tests(result.records)))
    names = [learner.name for learner in learners]
    by_learner = {name: [row for row in records if row["model"] == name] for name in names}
    columns = {test: [_cell(by_learner[name], test) for name in names] for test in tests}
    gains = [_gain(by_learner[name], tests[0]) for name in names] if tests else []
    guess = "" if chance is None else f"{chance:.3f}"
    head = ["learner", *(test.replace(": ", ":<br>") for test in tests), "last - first", "parameters", "state"]
    cells = [
        [*names, "chance"],
        *([*cells, guess] for cells in columns.values()),
        [*gains, ""],
        [*(f"{learner.parameters:,}" for learner in learners), ""],
        [*(f"{learner.state_size:,}" for learner in learners), ""],
    ]
    look = figure(title=TITLE, x="", y="")
    look.add_table(
        header={"values": [f"<b>{text}</b>" for text in head], "align": "left", "fill": {"color": "#f2f2f2"}},
        cells={"values": cells, "align": "left", "height": 28, "fill": {"color": "white"}},
        columnwidth=[2.5, *([1.7] * len(tests)), 1.0, 1.4, 1.0],
    )
    return look


def _cell(rows: Sequence[Row], test: str) -> str:
    if not any(row["test"] == test and row["measure"] == BY_POSITION for row in rows):
        return ""
    row = last_accuracy(rows, test)
    half = (float(str(row["high"])) - float(str(row["low"]))) / 2
    return f"{float(str(row['mean'])):.3f} ± {half:.3f}"


def _gain(rows: Sequence[Row], test: str) -> str:
    found = [row for row in rows if row["test"] == test and row["measure"] == IMPROVEMENT]
    return f"{float(str(found[0]['mean'])):+.3f}" if found else ""
