"""Workers inherit what the fork server was told; of locks that are gone nothing is said, of any other error all."""

import json
import subprocess
import sys
from multiprocessing import synchronize
from pathlib import Path

import pytest

from icltool.sweep.engines.local import PRELOADED
from icltool.sweep.engines.server_hook import ignore_lost_locks

# The module is imported here too, where it must do nothing, and by the server, before torch.
SWEEP = f"""
import json, multiprocessing, os, sys
import icltool.sweep.engines.server_hook
LOOK = '''[__import__("sys").excepthook.__name__, __import__("os").environ.get("GOMP_SPINCOUNT"),
    __import__("icltool.core.whole_process").core.whole_process.is_whole()]'''
if __name__ == "__main__":
    os.environ.pop("GOMP_SPINCOUNT", None)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload({PRELOADED[:1]!r})
    with context.Pool(1) as pool:
        print(json.dumps([eval(LOOK), pool.apply(eval, (LOOK,))]))
"""


def test_workers_inherit_the_hook_and_the_speed_and_their_sweep_has_neither() -> None:
    done = subprocess.run([sys.executable, "-c", SWEEP], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    sweep, worker = json.loads(done.stdout)
    assert sweep == ["excepthook", None, False]
    assert worker == [ignore_lost_locks.__name__, "1000", True]


def test_only_locks_that_are_gone_pass_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError) as gone:
        object.__new__(synchronize.Lock).__setstate__((0, 1, 1, "/gone"))  # pyright: ignore[reportAttributeAccessIssue] - typeshed leaves it out
    ignore_lost_locks(gone.type, gone.value, gone.tb)
    assert capfd.readouterr().err == ""
    with pytest.raises(FileNotFoundError) as other:
        Path("gone").read_text()
    ignore_lost_locks(other.type, other.value, other.tb)
    assert "FileNotFoundError" in capfd.readouterr().err
