"""A sweep's progress: on a terminal a bar with the time left and one for each run at work, elsewhere plain lines."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from icltool.cli.progress import RestOfTheLine, bar_width, describe
from icltool.cli.time_left import TimeLeft
from icltool.core.progress import StepProgress
from icltool.core.table import counted
from icltool.studies import study_named
from icltool.sweep.engines.worker import NOT_BEGUN, Outcome
from icltool.sweep.execute import SilentWatcher, Watcher
from icltool.sweep.plan import PlannedRun


@contextmanager
def sweep_progress(console: Console, *, quiet: bool) -> Generator[Watcher]:
    """The watcher to hand to `execute`, for as long as it runs."""
    if quiet:
        yield SilentWatcher()
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description}", table_column=Column(no_wrap=True, max_width=console.width // 3)),
            BarColumn(bar_width=bar_width(console)),
            MofNCompleteColumn(),
            RestOfTheLine("note"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, expand=True) as bar:
            yield _Bars(bar)
    else:
        yield _Lines(console)


class _Bars:
    """One bar for the sweep, and one for each run at work."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._left = TimeLeft([])
        self._overall: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._shown: dict[str, Sequence[str]] = {}

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        self._left = TimeLeft(runs)
        self._shown = {run.name: study_named(run.study).shown for run in runs}
        self._overall = self._bar.add_task("[bold]sweep", total=len(runs), note="")

    def report(self, name: str, progress: StepProgress) -> None:
        self._left.report(name, progress)
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(escape(name), total=progress.steps, note="")
        note = describe(progress.values, self._shown.get(name, ())) if progress.values else None
        self._bar.update(self._tasks[name], completed=progress.step, total=progress.steps)
        if note is not None:
            self._bar.update(self._tasks[name], note=note)
        self._note()

    def ended(self, outcome: Outcome) -> None:
        self._left.ended(outcome)
        task = self._tasks.pop(outcome.name, None)
        if task is not None:
            self._bar.remove_task(task)
        if outcome.status == "failed":
            self._bar.console.print(f"failed: {outcome.name}: {outcome.error}", markup=False)
        if self._overall is not None:
            self._bar.update(self._overall, completed=self._left.ended_runs)
        self._note()

    def _note(self) -> None:
        if self._overall is not None:
            self._bar.update(self._overall, note=self._left.words())


class _Lines:
    """Prints a line when a run ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._left = TimeLeft([])

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        self._left = TimeLeft(runs)
        self._console.print(f"sweep of {counted(len(runs), 'run')}", markup=False)

    def report(self, name: str, progress: StepProgress) -> None:
        self._left.report(name, progress)

    def ended(self, outcome: Outcome) -> None:
        self._left.ended(outcome)
        if outcome.error == NOT_BEGUN:
            return
        left = "" if outcome.status == "interrupted" else self._left.words()
        reason = f": {outcome.error}" if outcome.error else ""
        place = f"{self._left.ended_runs}/{self._left.runs}"
        self._console.print(
            f"{place} {outcome.status} {outcome.name}{reason}{f' ({left})' if left else ''}", markup=False
        )
