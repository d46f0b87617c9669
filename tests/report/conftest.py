"""Real runs to report on: one tiny training, and the same with files that somebody made hostile."""

import json
import shutil
from pathlib import Path

import pytest

from icltool.core.study import RunRequest
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run as train

# Each tries to become markup or script in its own place: an element, an attribute, a figure's data, a figure's text.
ATTACK = """</script><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"""
LINK = '<a href="https://example.com/x">b</a>\'"'

RECIPE = """
claim = "9z"
title = "A <b>test</b> & more"
[[stage]]
name = "train"
study = "train"
settings = {b = 1, L = 1, width = 8, heads = 2, d = 2, n = 4, batch = 4, steps = 3, eval_prompts = 8, threads = 1}
grid = {seed = [0, 1]}
"""

PAGE = f"""# A heading that the page has already

Text with **bold**, `code`, [a page](https://example.com/page), [a file](../other.md) and [bad](javascript:alert(1)).

## Figures

| a | b |
|---|---|
| 1 | {ATTACK} |

![the figure](figure.svg) ![elsewhere](https://example.com/a.png) ![outside](../../secret.svg)
"""

PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
    '<script>parent.document.title="owned"</script></svg>'
)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training of two loops."""
    config = TrainConfig(
        L=1, b=2, width=8, heads=2, d=2, n=4, steps=3, log_every=1, eval_every=1, eval_prompts=8, threads=1
    )
    return train(config, request=RunRequest(out=tmp_path_factory.mktemp("runs") / "tiny")).run


@pytest.fixture(scope="session")
def hostile(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run whose every text is an attack."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(trained, folder)
    table = json.loads((folder / "result.json").read_text())
    table["label"] = LINK + ATTACK
    table["config"]["task"] = ATTACK
    table["summary"][ATTACK] = ATTACK
    table["environment"]["processor"] = ATTACK
    for row in table["records"]:
        if row.get("role") == "model":
            row["model"] = LINK + ATTACK
    (folder / "result.json").write_text(json.dumps(table))
    return folder


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with a page, a figure in it and one beside it, all hostile."""
    folder = tmp_path_factory.mktemp("recipes") / "claim"
    folder.mkdir()
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "README.md").write_text(PAGE)
    (folder / "figure.svg").write_text(PICTURE)
    (folder / "figure-more.svg").write_text(PICTURE.replace('height="30"', 'height="20"'))
    (folder.parent.parent / "secret.svg").write_text("secret")
    return folder
