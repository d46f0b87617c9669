"""Claims 2b to 2e (report 003): width and tasks, learners compared, the transition in tasks, learning curves.

Each public function draws one recipe.
"""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from icltool.core.bootstrap import rows_over_seeds
from icltool.core.result import Result, Row, real, whole
from icltool.figures.heat_map import COLOURS
from icltool.figures.marks import add_band_line, name_band
from icltool.figures.theme import figure
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION, IMPROVEMENT, last_accuracy
from icltool.gpicl.figures.accuracy_figures import INTERVAL, add_chance, improvement_by_tasks
from icltool.gpicl.figures.learner_sizes import SizedLearner, accuracy_by_size
from icltool.sweep.collect import finished_runs
from icltool.sweep.seeds import Series, series_of, title_with_seeds

LEARNER_STAGES = ("measure", "measure-memoriser")
TABLE_TITLE = "Accuracy on unseen tasks, test images, after the last example"
MAP_LEARNERS = (("memoriser", "MLP (no context)"), ("transformer", "Transformer"))
MAP_TESTS = ("seen", "unseen")


def learners(sweep: Result) -> dict[str, go.Figure]:
    """The table, and accuracy against parameters and against state size; seeds are averaged."""
    runs: dict[str, list[Result]] = {}
    for stage in LEARNER_STAGES:
        for _, result in finished_runs(sweep, stage):
            runs.setdefault(result.label, []).append(result)
    series = [Series(label=label, runs=seeds) for label, seeds in runs.items()]
    results = [one.result for one in series]
    sized = [learner for result in results for learner in _learners(result)]
    chance = next((result.summary.get("chance") for result in results), None)
    level = chance if isinstance(chance, float) else None
    by_size = accuracy_by_size(sized, chance=level)
    by_size.update_layout(title_text=title_with_seeds(by_size.layout.title.text, series))
    name_band(by_size, results, single=INTERVAL, mark="bars")
    table = _table(results, sized, level).update_layout(title_text=title_with_seeds(TABLE_TITLE, series))
    name_band(table, results, single=INTERVAL, mark="± is half of the band")
    return {"table": table, "accuracy-by-size": by_size}


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
        parameters=whole(result.summary, parameters),
        state_size=whole(result.summary, state),
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
    look = figure(title=TABLE_TITLE, x="", y="")
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
    half = (real(row, "high") - real(row, "low")) / 2
    return f"{real(row, 'mean'):.3f} ± {half:.3f}"


def _gain(rows: Sequence[Row], test: str) -> str:
    found = [row for row in rows if row["test"] == test and row["measure"] == IMPROVEMENT]
    return f"{real(found[0], 'mean'):+.3f}" if found else ""


def learning_curve(sweep: Result) -> dict[str, go.Figure]:
    """A line a learner and test set on test images: the seeds' mean and its band (of one seed, its interval)."""
    series = series_of(sweep, stage="measure", name=lambda varied: str(varied["learner"]))
    results = [one.result for one in series]
    look = figure(
        title=title_with_seeds("Accuracy within the sequence", series),
        x="examples of the task seen",
        y="accuracy (share of right answers)",
    )
    lines: dict[str, list[Row]] = {}
    for result in results:
        for row in result.select(measure=BY_POSITION, images="test"):
            lines.setdefault(f"{str(row['model']).partition(' ')[0]}, {row['test']}", []).append(row)
    for index, (name, rows) in enumerate(lines.items()):
        add_band_line(look, rows, x="examples", name=name, index=index)
    add_chance(look, results)
    look.update_yaxes(range=[0, 1.02])
    name_band(look, results, single=INTERVAL)
    return {"accuracy-by-position": look}


def phase_transition(sweep: Result) -> dict[str, go.Figure]:
    """A line a test set (seen tasks, unseen tasks, another data set), the band over the seeds, the transition."""
    results = [result for _, result in finished_runs(sweep, "measure")]
    return {"improvement-by-tasks": improvement_by_tasks(results)}


def width_and_tasks(sweep: Result) -> dict[str, go.Figure]:
    """Four heat maps that share a scale: learner by row, tasks seen or unseen by column; seeds are averaged."""
    grid = make_subplots(
        rows=2,
        cols=2,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.1,
        subplot_titles=[f"{name}, {tests} tasks" for _, name in MAP_LEARNERS for tests in MAP_TESTS],
    )
    for row, (stage, _) in enumerate(MAP_LEARNERS, start=1):
        for column, tests in enumerate(MAP_TESTS, start=1):
            _add_map(grid, _accuracies(sweep, stage=f"measure-{stage}", tests=tests), row=row, column=column)
    measured = series_of(sweep, stage="measure-transformer", name=lambda varied: f"{varied['tasks']} {varied['width']}")
    grid.update_layout(figure(title=title_with_seeds("Accuracy after the last example", measured), x="", y="").layout)
    grid.update_layout(
        coloraxis={
            "colorscale": COLOURS,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "accuracy"}, "outlinewidth": 0, "ticks": "outside"},
        },
        margin={"t": 84},
    )
    grid.update_xaxes(type="category", showgrid=False, showline=False, ticks="")
    grid.update_yaxes(type="category", showgrid=False, showline=False, ticks="")
    grid.update_xaxes(title={"text": "training tasks"}, row=2)
    grid.update_yaxes(title={"text": "width"}, col=1)
    return {"width-and-tasks": grid}


def _accuracies(sweep: Result, *, stage: str, tests: str) -> list[Row]:
    """A row a number of tasks and width: the accuracy after the last example, the mean over seeds."""
    rows: list[Row] = []
    for varied, result in finished_runs(sweep, stage):
        row = next(row for row in result.select(measure=BY_POSITION, images="test") if row["tasks"] == tests)
        accuracy = last_accuracy(result.records, str(row["test"]))["mean"]
        rows.append({"tasks": varied["tasks"], "width": varied["width"], "accuracy": accuracy})
    return rows_over_seeds(rows, "accuracy", by=["tasks", "width"])


def _add_map(grid: go.Figure, cells: Sequence[Row], *, row: int, column: int) -> None:
    by_place = {(whole(cell, "tasks"), whole(cell, "width")): real(cell, "mean") for cell in cells}
    across, up = (sorted({place[side] for place in by_place}) for side in (0, 1))
    means = [[by_place.get((tasks, width)) for tasks in across] for width in up]
    grid.add_heatmap(
        x=[f"2<sup>{tasks.bit_length() - 1}</sup>" for tasks in across],
        y=[str(width) for width in up],
        z=means,
        text=[["" if mean is None else f"{mean:.2f}" for mean in line] for line in means],
        texttemplate="%{text}",
        textfont={"size": 12},
        coloraxis="coloraxis",
        hovertemplate="%{x} tasks, width %{y}: %{z:.3f}<extra></extra>",
        row=row,
        col=column,
    )
