"""What a page says: of runs, sweeps and recipes, worked out from what they were made of."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from icltool.core.errors import InputError
from icltool.core.result import load_result
from icltool.report.drawing import drawn
from icltool.report.inputs import sections_of
from icltool.report.markdown import to_html
from icltool.report.repeat import run_commands, sweep_commands
from icltool.studies import study_named
from icltool.sweep.engines.worker import Job, Outcome, do_job
from icltool.sweep.execute import execute
from icltool.sweep.plan import plan_grid
from icltool.sweep.record import record

TINY: dict[str, Any] = {
    "b": 1, "width": 8, "heads": 2, "d": 2, "n": 4, "batch": 4, "steps": 3, "eval_prompts": 8, "threads": 1,
}  # fmt: skip


def in_this_process(jobs: Sequence[Job], **_: Any) -> tuple[list[Outcome], int | None]:
    """An engine without processes."""
    return [do_job(job) for job in jobs], None


def test_a_run_is_its_figures_table_settings_machine_and_commands(trained: Path):
    (section,) = sections_of([trained])
    result = load_result(trained)
    assert (section.kind, section.title, section.path) == ("train", "looped L=1 b=2", str(trained))
    assert [figure.title for figure in section.figures] == [
        "Error along the context", "Learning curve", "Error of the last point after each loop",
    ]  # fmt: skip
    assert [table.title for table in section.tables] == [
        "Squared error after k in-context examples (predicting zero = 1)"
    ]
    assert {fact.name for fact in section.machine} == set(result.environment) >= {"torch", "processor", "threads"}
    facts = {fact.name: fact for fact in section.settings[0].facts}
    assert set(facts) == set(study_named("train").config().model_fields)
    assert (facts["width"].value, facts["width"].apart) == ("8", True)
    assert (facts["lr"].value, facts["lr"].apart) == ("0.02", False)
    assert facts["b"].help == study_named("train").config().model_fields["b"].description
    assert section.warnings == []


def test_runs_of_a_kind_are_compared_first_and_told_apart(trained: Path, hostile: Path):
    compared, *alone = sections_of([trained, hostile])
    assert compared.title == "2 runs compared"
    assert len(compared.figures) == 3
    assert [section.figures for section in alone] == [[], []]
    twins = sections_of([trained, trained])
    assert twins[1].title == f"{load_result(trained).label} (tiny)"


def test_the_same_by_folder_result_and_checkpoint(trained: Path):
    one, *others = (sections_of([path]) for path in (trained, trained / "result.json", trained / "model.safetensors"))
    assert all(other == one for other in others)


def test_the_shortest_command_names_what_is_not_the_preset(trained: Path):
    short, from_file = run_commands(load_result(trained))
    options = dict(zip(shlex.split(short)[2::2], shlex.split(short)[3::2], strict=True))
    assert options == {
        "--b": "2", "--T": "2", "--width": "8", "--heads": "2", "--d": "2", "--n": "4", "--steps": "3",
        "--log-every": "1", "--eval-every": "1", "--eval-prompts": "8", "--threads": "1", "--device": "cpu",
        "--compile": "off",
    }  # fmt: skip
    assert shlex.split(from_file)[:4] == ["icltool", "train", "--config", str(trained / "config.toml")]


def test_a_grid_is_repeated_by_its_comma_lists(tmp_path: Path):
    axes = {"L": ["1", "2"], "seed": ["0", "1"]}
    plan = plan_grid(study_named("train"), settings=TINY, axes=axes, inputs=[], preset=None, folder=tmp_path / "grid")
    sweep = execute(plan, at_once=1, engine=in_this_process)
    (command,) = sweep_commands(sweep)
    words = shlex.split(command)
    assert words[:2] == ["icltool", "train"]
    assert words[words.index("--L") + 1] == "1,2"
    assert words[words.index("--seed") + 1] == "0,1"
    (section,) = sections_of([tmp_path / "grid"])
    assert section.lead.startswith("4 runs")
    assert len(section.tables[0].rows) == 2, "a row a setting, the seeds together"
    assert section.settings[0].title == "Settings of the stage train (4 runs of train, over seed, L)"
    assert "L" not in {fact.name for fact in section.settings[0].facts}
    (tmp_path / "grid/train/L-1-seed-0/result.json").unlink()
    (damaged,) = sections_of([tmp_path / "grid"])
    assert damaged.figures == []
    assert damaged.tables == section.tables
    assert any("L-1-seed-0" in warning for warning in damaged.warnings)


def test_a_recipe_shows_what_is_recorded(recipe: Path, tmp_path: Path):
    (section,) = sections_of([recipe])
    assert section.title == "A <b>test</b> & more"
    assert section.commands[1] == "icltool sweep recipes/claim --scale cpu"
    assert section.tables[0].rows[0] == ["smoke", "2", "no", "2 train"]
    assert len(section.pictures) == 1, "the one that its page does not show"
    assert section.drawings == 2
    assert "nothing is recorded" in section.warnings[0]
    (tmp_path / "recipe.toml").write_text((recipe / "recipe.toml").read_text())
    plan_folder = tmp_path / "sweep"
    plan = plan_grid(
        study_named("train"), settings=TINY, axes={"seed": ["0", "1"]}, inputs=[], preset=None, folder=plan_folder
    )
    record(execute(plan, at_once=1, engine=in_this_process), scale="smoke", file=tmp_path / "reference.json")
    (recorded,) = sections_of([tmp_path / "recipe.toml"])
    assert recorded.warnings == []
    assert recorded.tables[1].title == "Recorded at the scale smoke: train"
    assert recorded.tables[1].rows[0][0] == "2", "the runs"
    assert any(fact.name == "smoke: seconds" for fact in recorded.machine)


def test_markdown_stays_text_where_it_could_act(recipe: Path):
    html = to_html(recipe / "README.md")
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html
    assert "javascript:" not in html.replace("(javascript:alert(1))", ""), "shown, not linked"
    assert '<a href="https://example.com/page">a page</a>' in html
    assert "a file" in html
    assert "other.md" not in html
    assert html.count("<img") == 1
    assert 'src="data:image/svg+xml;base64,' in html
    assert "<h4>Figures</h4>" in html
    assert "A heading that the page has already" not in html
    assert "<table>" in html


def test_a_figure_keeps_our_marks_and_loses_all_others():
    figure = go.Figure()
    figure.add_scatter(x=[1.0, float("nan")], y=[2, 3], name="<a href='x'>n</a> 10<sup>2</sup><br>&</script>")
    figure.update_layout(title_text="A <b>title</b>", width=900)
    made = drawn(figure, name="unused")
    assert made.title == "A  title"
    assert not set("<>&") & set(made.json)
    assert r"\u0026lt;a href='x'>n".replace(">", r"\u003e") in made.json
    assert r"\u003csup\u003e2\u003c/sup\u003e\u003cbr\u003e" in made.json
    assert "width" not in json.loads(made.json)["layout"]
    assert "NaN" not in made.json


@pytest.mark.parametrize("name", ["nothing", "nothing/result.json", "empty", "a.safetensors", "broken/result.json"])
def test_what_is_none_of_them(tmp_path: Path, name: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/result.json").write_text("{")
    (tmp_path / "a.safetensors").touch()
    with pytest.raises(InputError, match=str(tmp_path)):
        sections_of([tmp_path / name])
