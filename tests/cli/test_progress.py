"""Progress on a terminal: whatever its width, the steps and the times are whole."""

import io
import re

import pytest
from rich.console import Console

from icltool.cli.progress import progress
from icltool.core.progress import StepProgress

SHOWN = ("loss", "held_out_error", "dims", "loops")
VALUES = {"loss": 1.5, "held_out_error": 0.0123, "dims": 8, "loops": 2, "prompts_per_second": 330.0}


def record(step: int) -> StepProgress:
    """A logged step of 1600."""
    return StepProgress(phase="training", step=step, steps=1600, values=VALUES)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_bar_shows_the_steps_and_times_whole(width: int):
    stream = io.StringIO()
    with progress(Console(file=stream, force_terminal=True, width=width), quiet=False, shown=SHOWN) as on_step:
        on_step(record(0))
        on_step(record(400))
    lines = re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()))
    drawn = [line.rstrip() for line in lines if line.startswith("training")]
    assert drawn
    assert "400/1600" in drawn[-1]
    assert re.search(r"\d:\d\d:\d\d (\d|-):(\d|-){2}:(\d|-){2}$", drawn[-1]), drawn[-1]
    assert len(drawn[-1]) <= width
    assert ("330 prompts/s" in drawn[-1]) == (width == 200)
    # Values are whole or not there.
    values = re.sub(r"\s+\S+ \S+$", "", drawn[-1].partition("400/1600 ")[2])
    assert values in {"loss 1.5", "loss 1.5  held out error 0.0123"} or width == 200


def test_off_a_terminal_the_last_line_says_nothing_of_time_left():
    stream = io.StringIO()
    with progress(
        Console(file=stream, force_terminal=False, width=80, soft_wrap=True), quiet=False, shown=SHOWN
    ) as on_step:
        on_step(record(0))
        on_step(record(1600))
    first, last = stream.getvalue().splitlines()
    assert first.startswith("training 0/1600")
    assert last.startswith("training 1600/1600")
    assert "left" not in last
