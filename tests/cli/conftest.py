"""The command line called inside the test's process, and one tiny trained run to call it on."""

import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from icltool.cli.app import main
from icltool.core.study import RunRequest
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.run import run as train

TINY = "--L 1 --b 1 --width 8 --heads 2 --d 2 --n 4 --steps 3 --eval-prompts 8 --threads 1 --allocator system"


class Outcome(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; fails when there was more, or something else."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: "), self.err
        assert self.out == ""
        return lines[0].removeprefix("error: ")


Call = Callable[..., Outcome]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """`call("eval RUN --n 4", stdin="...")`: the command in this process, which has torch loaded and is not its own."""

    def run(line: str, *, stdin: str = "") -> Outcome:
        monkeypatch.setattr("icltool.cli.app.use_whole_process", lambda: None)
        monkeypatch.setattr(sys, "argv", ["icltool", *shlex.split(line)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capfd.readouterr()
        assert isinstance(stopped.value.code, int)
        return Outcome(stopped.value.code, printed.out, printed.err)

    return run


@pytest.fixture
def tiny() -> str:
    """Options of a training that takes a blink."""
    return TINY


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run (d = 2, n = 4); tests that change files copy it first."""
    words = TINY.split()
    values = {
        option.removeprefix("--").replace("-", "_"): value
        for option, value in zip(words[::2], words[1::2], strict=True)
    }
    return train(TrainConfig.create(values), request=RunRequest(out=tmp_path_factory.mktemp("runs") / "tiny")).run
