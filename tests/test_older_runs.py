"""Run folders and checkpoints of the commit before the move into wings: opened, resumed, measured, drawn, reported.

`tests/assets/older_runs` was written by that commit (c9e9c9e), without figures. `cut-*` are unfinished; `ended.json` is
what that commit's own resumed runs ended with.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from icltool.core.progress import StepProgress
from icltool.core.result import load_result
from icltool.core.run_folder import settings_from
from icltool.core.study import RunRequest
from icltool.report.inputs import sections_of
from icltool.report.inspection import describe
from icltool.studies import study_named
from icltool.sweep.plotting import draw

OLDER = Path(__file__).parent / "assets" / "older_runs"
FINISHED = ("trained", "eval", "mask", "probe", "gpicl", "gpicl-test", "gpicl-augment", "dd")
UNFINISHED = {"cut-train": "train", "cut-gpicl": "gpicl-train", "cut-dd": "double-descent", "cut-probe": "probe"}
# Read before the move as `train`, so the results that name it by path do too.
RENAMED = {"train": "trained"}


@pytest.fixture(autouse=True)
def older(own_folder: None) -> None:
    """All of them in the current folder, where the paths that they name are."""
    shutil.copytree(OLDER, Path.cwd(), dirs_exist_ok=True)


def again(folder: str, *, resume: bool) -> tuple[Any, list[StepProgress]]:
    """The run of this folder's own settings, in it."""
    study = study_named(UNFINISHED[folder] if resume else load_result(Path(folder)).kind)
    values = settings_from(Path(folder) / "config.toml", study=study.name)
    if "checkpoint" in values:
        values["checkpoint"] = RENAMED.get(str(values["checkpoint"]), str(values["checkpoint"]))
    steps: list[StepProgress] = []
    request = RunRequest(out=Path(folder), resume=resume)
    return study.run()(study.config().create(values), request=request, on_step=steps.append), steps


@pytest.mark.parametrize("folder", FINISHED)
def test_a_finished_run_answers_at_once(folder: str) -> None:
    before = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    result, steps = again(folder, resume=False)
    assert steps == []
    assert result.summary == load_result(OLDER / folder).summary
    assert {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != ".lock"} == before


@pytest.mark.parametrize("folder", UNFINISHED)
def test_an_unfinished_run_goes_on_and_ends_where_it_would_have(folder: str) -> None:
    result, steps = again(folder, resume=True)
    assert steps[0].start > 0, "from the state it had saved"
    ended = json.loads((OLDER / "ended.json").read_text())[folder]
    assert list(result.summary) == [*ended, "steps_per_second", "seconds"]
    for name, value in ended.items():
        # Of another processor to rounding, which some steps amplify; of 20 sequences one may turn.
        slack = 0.1 if "accuracy" in name else 1e-6
        close = value if isinstance(value, str) else pytest.approx(value, rel=1e-3, abs=slack)
        assert result.summary[name] == close, name
    assert not (Path(folder) / "resume.safetensors").exists()


def test_an_old_checkpoint_is_measured_as_it_was() -> None:
    old = load_result(Path("eval"))
    study = study_named("eval")
    config = study.config().create({"checkpoint": "trained", "loops": 4, "threads": 1, "allocator": "system"})
    new = study.run()(config, request=RunRequest(out=Path("eval-again")), on_step=lambda _record: None)
    assert new.inputs == old.inputs
    assert len(new.records) == len(old.records)
    for ours, theirs in zip(new.records, old.records, strict=True):
        assert list(ours) == list(theirs)
        for name, value in theirs.items():
            assert ours[name] == (pytest.approx(value, rel=1e-4, abs=1e-9) if isinstance(value, float) else value)


@pytest.mark.parametrize("folder", [*FINISHED, "dd-grid"])
def test_it_is_drawn_inspected_and_reported(folder: str) -> None:
    figures = [figure for kind in draw([load_result(Path(folder))]).values() for figure in kind.values()]
    assert figures
    assert all(figure.to_dict()["data"] for figure in figures)
    assert describe(Path(folder))["kind"] == load_result(Path(folder)).kind
    [section] = sections_of([Path(folder)])
    assert section.warnings == []
    assert section.figures
    assert section.commands
