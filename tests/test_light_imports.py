"""Settings load in a moment: no module that only declares or estimates loads a library of arrays or figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import icltool

ROOT = Path(icltool.__file__).parent
HEAVY = ("torch", "plotly", "sklearn", "scipy")
IMPORT_ONE_BY_ONE = """
import importlib, json, sys
heavy, names = json.loads(sys.argv[1])
found = {}
for name in names:
    importlib.import_module(name)
    loaded = [library for library in heavy if library in sys.modules]
    if loaded:
        found[name] = loaded
        break
print(json.dumps(found))
"""


def light_modules() -> dict[str, list[str]]:
    """By the part of icltool that they are in: all `config` and `*_config` modules, and the costs."""
    groups: dict[str, list[str]] = {}
    for file in sorted(ROOT.rglob("*.py")):
        name = ".".join(["icltool", *file.relative_to(ROOT).with_suffix("").parts])
        light = file.stem in {"config", "cost"} or file.stem.endswith("_config")
        if light:
            groups.setdefault(name.split(".")[1], []).append(name)
    return groups


GROUPS = light_modules()


def test_the_modules_are_found() -> None:
    assert {"core", "training", "regression", "gpicl", "superposition", "bench"} <= set(GROUPS)
    found = {name for names in GROUPS.values() for name in names}
    assert {"icltool.core.config", "icltool.core.runtime_config", "icltool.training.training_config"} <= found
    assert {f"icltool.regression.studies.{study}.config" for study in ("train", "evaluate", "probe")} <= found
    assert {f"icltool.gpicl.studies.{study}.config" for study in ("augment", "train", "test")} <= found


@pytest.mark.parametrize("group", GROUPS)
def test_they_load_nothing_heavy(group: str) -> None:
    """One fresh interpreter for a group: the first module that loads such a library is named."""
    words = [sys.executable, "-c", IMPORT_ONE_BY_ONE, json.dumps([HEAVY, GROUPS[group]])]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}
