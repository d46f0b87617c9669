"""Hostile names of runs, recipes, stages, tasks and checkpoints: they stay in their folder, and never become script."""

import json
import re
import shutil
from contextlib import nullcontext
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest

from icltool.core.errors import IcltoolError, InputError
from icltool.core.result import load_result
from icltool.core.run_folder import safe_name
from icltool.core.study import RunRequest
from icltool.core.tensor_files import read_tensor_file, write_tensor_file
from icltool.regression.studies.evaluate.config import EvaluateConfig
from icltool.regression.studies.evaluate.run import run as evaluate
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run as train
from icltool.report.inputs import sections_of
from icltool.report.page import write_page
from icltool.sweep.plan import plan_sweep
from icltool.sweep.plotting import plot_results
from icltool.sweep.recipe import parse_recipe
from tests.conftest import Counts

NAMES = [
    "../up", "../../../../tmp/up", "/tmp/absolute", "..", ".", "~", "a/b", "a\\b", "\x1b[2J", "a\nb", "a\x00b",
    "\u202e", "CON", "-rf", "--out", "$(touch x)", "`x`", "x" * 400, " ", "</title><script>alert(1)</script>",
    '"onload="alert(1)', "<img src=x onerror=alert(1)>", "{{7*7}}", "é" * 100, "\ud800",
]  # fmt: skip


TINY: dict[str, Any] = {
    "L": 1, "b": 2, "width": 8, "heads": 2, "d": 2, "n": 4, "steps": 4, "log_every": 1, "eval_prompts": 8, "threads": 1,
    "save_every": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return train(TrainConfig.model_validate(TINY), request=RunRequest(out=folder)).run


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_plain_folder(name: str, counts: Counts) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", safe_name(name))
    assert (Path("runs") / safe_name(name)).resolve().parent == Path("runs").resolve()
    counts.add("hostile names")


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_or_a_cell_stays_in_the_sweep(name: str, counts: Counts) -> None:
    stage: dict[str, Any] = {"name": "s", "study": "train", "grid": {"task": [name]}}
    for table in ({**stage, "name": name}, {**stage, "checkpoints": name}, stage, {**stage, "study": name}):
        with pytest.raises(IcltoolError) as error:
            plan_sweep(
                name,
                parse_recipe({"claim": name, "title": name, "stage": [table]}, where="r"),
                scale=None,
                folder=Path("sweep"),
                where="r",
            )
        assert str(error.value).startswith("r: stage ")
    settings: dict[str, Any] = {"name": "s", "study": "eval", "grid": {"checkpoint": [name, f"{name}/b"]}}
    recipe = parse_recipe({"claim": name, "title": name, "stage": [settings]}, where="r")
    first, second = plan_sweep(name, recipe, scale=None, folder=Path("sweep"), where="r").runs
    assert first.folder.resolve().parent == second.folder.resolve().parent == Path("sweep/s").resolve()
    counts.add("hostile names in recipes")


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_cannot_say_where_its_results_go(name: str, trained: Path, counts: Counts) -> None:
    file = read_tensor_file(trained / "model.safetensors")
    header = _with_texts(dict(file.header), name)
    # A model of a kind and an architecture that there are: the file is read, and all its other texts are hostile.
    header["model"] = file.header["model"]
    Path("given").mkdir()
    write_tensor_file(Path("given/model.safetensors"), file.tensors, {**header, "study": name})
    config = EvaluateConfig(checkpoint="given/model.safetensors", eval_prompts=8, threads=1)
    with pytest.raises(InputError, match="names the function class"):
        evaluate(config)
    # With the class given, the header's is not asked for.
    result = evaluate(config.model_copy(update={"task": "linear-regression"}))
    assert result.run.resolve().parent == Path("runs/eval").resolve()
    assert {entry.name for entry in Path().iterdir()} == {"given", "runs"}
    counts.add("hostile names in checkpoints")


class _Tags(HTMLParser):
    """The elements of a page, and the attributes that act."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.acting: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.acting += [name for name, value in attrs if name.startswith("on") or "script:" in (value or "")]


def tags(page: Path) -> list[str]:
    parser = _Tags()
    parser.feed(page.read_text())
    assert parser.acting == []
    return parser.tags


@pytest.mark.parametrize("name", NAMES)
def test_what_a_result_says_is_neither_markup_nor_a_path(name: str, trained: Path, counts: Counts) -> None:
    shutil.copytree(trained, "plain")
    shutil.copytree(trained, "hostile")
    table = _with_texts(json.loads(Path("hostile/result.json").read_text()), name)
    table["kind"] = "train"
    for row, before in zip(table["records"], json.loads(Path("plain/result.json").read_text())["records"], strict=True):
        row.update({key: before[key] for key in ("measure", "role") if key in before})
    Path("hostile/result.json").write_text(json.dumps(table))
    pages: list[list[str]] = []
    for folder in (Path("plain"), Path("hostile")):
        [section] = sections_of([folder])
        pages.append(tags(write_page([section], folder / "page.html")))
        [file] = plot_results([load_result(folder)], formats=["html"], folder=folder / "plots")
        pages.append(tags(file))
    for plain, hostile in zip(pages[:2], pages[2:], strict=True):
        assert plain.count("script") == hostile.count("script")
        assert set(hostile) <= set(plain), "a tag that no page of ours has"
    assert {entry.name for entry in Path().iterdir()} == {"plain", "hostile"}
    counts.add("hostile names in results")


def _with_texts(value: Any, text: str) -> Any:
    """The same, with every text replaced."""
    if isinstance(value, dict):
        return {key: _with_texts(entry, text) for key, entry in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_with_texts(entry, text) for entry in cast("list[Any]", value)]
    return text if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("metrics.jsonl", None),
        ("model.safetensors", None),
        ("resume.safetensors", "truncated or not a safetensors file"),
        ("result.json", "not a result.json"),
        (".lock", "cannot write in theirs"),
    ],
)
def test_a_link_in_a_run_folder_is_not_written_through(
    name: str, refused: str | None, trained: Path, counts: Counts
) -> None:
    """A run folder from somebody else may hold a link to a file of ours: it is replaced, or the run is refused."""
    Path("precious").write_text("precious")
    folder = Path("theirs")
    shutil.copytree(trained, folder)
    for file in folder.iterdir():
        if file.name != "config.toml":
            file.unlink()
    link = folder / name
    link.symlink_to(Path("precious").resolve())
    with nullcontext() if refused is None else pytest.raises(IcltoolError, match=refused):
        train(TrainConfig.model_validate(TINY), request=RunRequest(out=folder, resume=True))
    assert link.is_symlink() == (refused is not None)
    assert Path("precious").read_text() == "precious"
    counts.add("links not written through")
