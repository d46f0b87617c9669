"""A study's steps as a Rich progress bar on a terminal, or as a few plain lines elsewhere. Always on stderr."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.table import as_text

BETWEEN = "  "
PLAIN_SECONDS = 15.0


@contextmanager
def progress(console: Console, *, quiet: bool, shown: Sequence[str] = ()) -> Generator[OnStep]:
    """The callback to hand to a study, for as long as it runs; `shown` names the values worth a glance, in order."""
    if quiet:
        yield ignore_step
    elif console.is_terminal:
        with _bar(console) as bar:
            yield _BarWatcher(bar, shown)
    else:
        yield _PlainWatcher(console, shown)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=bar_width(console)),
        MofNCompleteColumn(),
        RestOfTheLine("values"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        expand=True,
        # Only the recent speed counts: under a curriculum later steps are slower.
        speed_estimate_period=20.0,
    )


def bar_width(console: Console) -> int:
    """Letters of a bar, which leaves most of the line to numbers."""
    return max(8, min(40, console.width // 6))


class RestOfTheLine(ProgressColumn):
    """A column that gives way to the others, because steps and times are read first; it never cuts a value."""

    def __init__(self, field: str) -> None:
        super().__init__(table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
        self._field = field

    def render(self, task: Task) -> "_WholeValues":
        """The task's field, as far as it fits."""
        return _WholeValues(task.fields[self._field])


class _WholeValues:
    """As many of the values of `describe` as a line has room for."""

    def __init__(self, text: str) -> None:
        self._values = text.split(BETWEEN)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        shown = self._values[0]
        for value in self._values[1:]:
            if cell_len(longer := f"{shown}{BETWEEN}{value}") > options.max_width:
                break
            shown = longer
        yield Text(shown, no_wrap=True, overflow="ellipsis")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        del console, options
        return Measurement(0, cell_len(BETWEEN.join(self._values)))


class _BarWatcher:
    """Keeps the latest known values beside the bar."""

    def __init__(self, bar: Progress, shown: Sequence[str]) -> None:
        self._bar = bar
        self._shown = shown
        self._task: TaskID | None = None
        self._latest: dict[str, float | int | None] = {}

    def __call__(self, progress: StepProgress) -> None:
        if self._task is None:
            self._task = self._bar.add_task(progress.phase, total=progress.steps, completed=progress.step, values="")
        self._latest.update(progress.values)
        self._bar.update(
            self._task,
            description=progress.phase,
            completed=progress.step,
            total=progress.steps,
            values=describe(self._latest, self._shown),
        )


class _PlainWatcher:
    """Prints a line at the first and the last step, and between them at most every 15 seconds."""

    def __init__(self, console: Console, shown: Sequence[str]) -> None:
        self._console = console
        self._shown = shown
        self._began = time.monotonic()
        self._printed = -PLAIN_SECONDS
        self._latest: dict[str, float | int | None] = {}

    def __call__(self, progress: StepProgress) -> None:
        self._latest.update(progress.values)
        elapsed = time.monotonic() - self._began
        if elapsed - self._printed < PLAIN_SECONDS and progress.step != progress.steps:
            return
        self._printed = elapsed
        done = progress.step - progress.start
        rest = progress.steps - progress.step
        left = f", about {elapsed / done * rest:.0f} s left" if done and rest else ""
        values = describe(self._latest, self._shown)
        place = f"{progress.phase} {progress.step}/{progress.steps}"
        self._console.print(f"{place}{' ' + values if values else ''} ({elapsed:.0f} s{left})", markup=False)


def describe(values: Mapping[str, float | int | None], shown: Sequence[str]) -> str:
    """The values that are shown, as far as they are known, in a few words."""
    parts = [f"{name.replace('_', ' ')} {as_text(values[name])}" for name in shown if values.get(name) is not None]
    if values.get("prompts_per_second") is not None:
        parts.append(f"{values['prompts_per_second']:.0f} prompts/s")
    return BETWEEN.join(parts)
