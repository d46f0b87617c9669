"""Every shipped recipe, whole, at its smoke scale: all stages run, the numbers are as recorded, and the figures show
the lines that the claim is about.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from icltool.sweep.check import compare
from icltool.sweep.collect import RUN
from icltool.sweep.engines.worker import Job, Outcome, do_job
from icltool.sweep.execute import execute
from icltool.sweep.plan import plan_sweep
from icltool.sweep.plotting import sweep_figures
from icltool.sweep.recipe import read_recipe
from icltool.sweep.record import read_reference, reference_file
from tests.sweep.recipe_figures import FIGURES, bands_without_name, shown, without_points

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*/recipe.toml"))


def in_this_process(jobs: Sequence[Job], **_: Any) -> tuple[list[Outcome], int | None]:
    """An engine without processes: what a worker does, here."""
    return [do_job(job) for job in jobs], None


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.parent.name)
def test_smoke(file: Path, tmp_path: Path) -> None:
    name, content = read_recipe(file)
    plan = plan_sweep(name, content, scale="smoke", folder=tmp_path / "sweep", where=str(file))
    result = execute(plan, at_once=1, engine=in_this_process)
    rows = result.select(table=RUN)
    assert len(rows) == len(plan.runs)
    assert {row["status"] for row in rows} == {"finished"}
    reference = read_reference(reference_file(file))
    assert reference is not None
    assert compare(result, reference.scales["smoke"]).differences == [], "record again if this is meant"
    figures = sweep_figures(result)
    assert sorted(figures) == sorted(FIGURES[name])
    for title, figure in figures.items():
        assert shown(figure) == FIGURES[name][title], title
        assert without_points(figure) == [], title
        assert bands_without_name(figure) == 0, title
        assert figure.layout.title.text, title


def test_the_figures_of_every_recipe_are_written_down() -> None:
    assert {file.parent.name for file in RECIPES} == set(FIGURES)


def test_dilations_are_a_sweep_of_train(tmp_path: Path) -> None:
    from icltool.sweep.plan import plan_dilations

    tiny: dict[str, Any] = {
        "b": 4, "T": 2, "width": 8, "heads": 2, "d": 2, "n": 5, "steps": 8, "batch": 4, "eval_prompts": 8,
    }  # fmt: skip
    plan = plan_dilations([1, 2], settings=tiny, preset=None, folder=tmp_path / "sweep")
    assert [run.varied for run in plan.runs] == [{"dilation": 1}, {"dilation": 2}]
    result = execute(plan, at_once=1, engine=in_this_process)
    names = {str(getattr(trace, "name", "")) for trace in sweep_figures(result)["error-by-example"].data}
    assert {"dilation 1", "dilation 2"} <= names
    growing = plan_dilations([1, 2, 4], settings={"threads": 1}, preset="dilation", folder=None)
    assert [run.varied["loops_start"] for run in growing.runs] == [15, 30, 60]


def test_a_comma_list_is_a_grid_of_its_study(tmp_path: Path) -> None:
    from icltool.studies import study_named
    from icltool.sweep.plan import plan_grid

    plan = plan_grid(
        study_named("eval"),
        settings={"n": 4},
        axes={"loops": ["1", "2"]},
        inputs=["a", "b"],
        preset=None,
        folder=tmp_path,
    )
    found = [(run.config.model_dump()["checkpoint"], run.config.model_dump()["loops"]) for run in plan.runs]
    assert found == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert {run.config.model_dump()["threads"] for run in plan.runs} == {1}
