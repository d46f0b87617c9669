"""Whose process it is: importing icltool and running a study leave one as it was; the command line sets its own up."""

import inspect
import json
import os
import subprocess
import sys
from typing import Any

from icltool.regression.studies.predict.run import run as predict
from icltool.studies import STUDIES

SPIN = "GOMP_SPINCOUNT"
# What these do as they are imported, some of them late, is not ours.
OTHERS = "import torch, torch._dynamo, plotly.graph_objects, sklearn.ensemble, sklearn.neighbors, scipy\n"
# What a process is like, as JSON on stdout. torch is looked at only where it has been imported.
LOOK = """
import faulthandler, json, os, signal, sys, warnings
def look():
    torch = sys.modules.get("torch")
    return {
        "environment": dict(os.environ),
        "hooks": [repr(hook) for hook in (sys.excepthook, sys.displayhook, sys.unraisablehook)],
        "signals": {number: repr(signal.getsignal(number)) for number in signal.valid_signals()},
        "warnings": repr(warnings.filters),
        "threads": torch and torch.get_num_threads(),
        "deterministic": torch and torch.get_deterministic_debug_mode(),
        "filled": torch and torch.utils.deterministic.fill_uninitialized_memory,
    }
"""


def fresh(program: str, **environment: str) -> Any:
    """What a program prints as JSON, run by a fresh interpreter in this environment: ours may be changed already."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-c", f"{LOOK}\n{program}"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**kept, **environment}, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_imports_leave_the_process_as_it_was():
    modules = [f"{study.package}.{name}" for study in STUDIES for name in ("config", "run", "figure")]
    modules += ["icltool.cli.app", "icltool.sweep.engines.local", "icltool.sweep.engines.server_hook"]
    before, after = fresh(
        f"{OTHERS}"
        "before = look()\n"
        f"import importlib, icltool\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps([before, look()]))"
    )
    assert before == after


def test_a_run_leaves_the_process_as_it_was():
    before, after = fresh(
        f"{OTHERS}"
        "from icltool.regression.studies.train.config import TrainConfig\n"
        "from icltool.regression.studies.train.run import run\n"
        "torch.set_num_threads(3)\n"
        "before = look()\n"
        "run(TrainConfig(L=1, b=1, width=8, heads=2, d=2, n=4, steps=3, eval_prompts=8, threads=1))\n"
        "print(json.dumps([before, look()]))"
    )
    assert before == after


def test_every_run_puts_back_what_it_set():
    for run in (predict, *(study.run() for study in STUDIES)):
        assert hasattr(run, "__wrapped__"), inspect.getfile(run)


def test_threads_that_wait_sleep_soon_where_the_process_is_icltools_unless_told_otherwise():
    program = "import icltool; icltool.use_whole_process(); print(json.dumps(look()))"
    assert fresh(program)["environment"][SPIN] == "1000"
    assert fresh(program, **{SPIN: "7"})["environment"][SPIN] == "7"
    command = "import icltool.cli.app as app\nsys.argv = ['icltool', '--version']\ntry: app.main()\nexcept SystemExit: "
    assert fresh(f"{command} print(json.dumps(look()))")["environment"][SPIN] == "1000"


def test_it_is_said_when_it_comes_too_late_for_the_threads():
    late = (
        "import torch, icltool\n"
        "with warnings.catch_warnings(record=True) as caught: icltool.use_whole_process()\n"
        "print(json.dumps([[str(warning.message) for warning in caught], look()['environment'].get('GOMP_SPINCOUNT')]))"
    )
    [said], found = fresh(late)
    assert "before" in said
    assert found is None
    assert fresh(late, **{SPIN: "7"}) == [[], "7"]
