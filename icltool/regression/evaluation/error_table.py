"""The errors of a model beside its baselines, at a few places along the context, as a table to print."""

from icltool.core.result import Result, Row, whole
from icltool.core.table import Table, as_text, spread
from icltool.regression.evaluation.error_records import BY_EXAMPLE, BY_SHIFT, ZERO

TABLE_PLACES = 7
# As many as a terminal of 80 columns holds; the figure shows them all.
TABLE_BASELINES = (ZERO, "least squares", "3-nearest neighbours")


def error_table(result: Result) -> Table:
    """Rows: the model, then the baselines; columns: examples seen, spread over the prompt."""
    rows = result.select(measure=BY_EXAMPLE)
    shown = spread(max(whole(row, "examples") for row in rows), TABLE_PLACES)
    by_place = {(str(row["model"]), row["examples"]): row["mean"] for row in rows}
    return Table(
        title="Squared error after k in-context examples (predicting zero = 1)",
        columns=["", *(f"k={seen}" for seen in shown)],
        rows=[
            [shown_name, *(as_text(by_place.get((name, seen))) for seen in shown)]
            for name, shown_name in learner_names(rows).items()
        ],
    )


def shift_table(result: Result) -> Table:
    """Rows: the shifts; columns: the model and some baselines, after all the examples (k of them)."""
    rows = last_under_shifts(result.select(measure=BY_SHIFT))
    shifts = dict.fromkeys(shift for shift, _ in rows)
    model = str(result.select(measure=BY_SHIFT, role="model")[0]["model"])
    learners = (model, *TABLE_BASELINES)
    return Table(
        title=f"Squared error of {model} and others under shifts, after k in-context examples",
        columns=["", "k", "model", *(name.removesuffix(" neighbours") for name in TABLE_BASELINES)],
        rows=[
            [shift, str(rows[shift, model]["examples"]), *(as_text(rows[shift, name]["mean"]) for name in learners)]
            for shift in shifts
        ],
    )


def last_under_shifts(rows: list[Row]) -> dict[tuple[str, str], Row]:
    """By shift and learner, the row with the most examples."""
    ordered = sorted(rows, key=lambda row: whole(row, "examples"))
    last = {(str(row["shift"]), str(row["model"])): row for row in ordered}
    order = dict.fromkeys((str(row["shift"]), str(row["model"])) for row in rows)
    return {key: last[key] for key in order}


def learner_names(rows: list[Row]) -> dict[str, str]:
    """What each learner of these rows is shown as: its name, with its prompts where others were measured on more."""
    prompts = {str(row["model"]): whole(row, "prompts") if "prompts" in row else 0 for row in rows}
    most = max(prompts.values(), default=0)
    return {name: name if count in {0, most} else f"{name} ({count} prompts)" for name, count in prompts.items()}
