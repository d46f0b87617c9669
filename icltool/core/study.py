"""What a study is to everything above it: a name, settings, work, a cost, figures, a table, and what it declares.

A study is a package with `config.py` (settings), `run.py` (the work), `cost.py` (what a run will take) and `figure.py`
(figures and table). Its entry, a `Study`, stands in the package's `__init__.py`. It names these modules and imports
none of them, since listing the commands must not load torch.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from icltool.core.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from icltool.core.config import Config
    from icltool.core.progress import OnStep
    from icltool.core.result import Result
    from icltool.core.table import Table


# The files that any study of this process says it `leaves`: `--force` may meet another study's run in its folder.
LEFT_BY_STUDIES: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Where a run goes and what to do when something is there already.

    `out` is the run folder itself (default: `runs/<study>/<slug>-<hash>`). `resume` goes on with an unfinished run (and
    starts one that does not exist); `force` throws away what the folder holds and runs again. `patience` is how many
    seconds to wait for a folder that another process has.
    """

    out: Path | None = None
    resume: bool = False
    force: bool = False
    patience: float = 0.0

    def __post_init__(self) -> None:
        if self.resume and self.force:
            raise UsageError("--resume goes on with a run and --force throws it away; choose one of them")


class RunStudy(Protocol):
    """A study's `run`."""

    def __call__(self, config: "Config", *, request: RunRequest | None, on_step: "OnStep") -> "Result":
        """Do the study, or return the result of a finished run."""
        ...


class Example(NamedTuple):
    """A command line to try, and in half a line what it does."""

    what: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run will take, as far as it is known before it runs.

    `flops`: floating-point operations; None where the model that the run reads is not known. `memory`: bytes at the
    peak; None where the study has no estimate. `seconds`: of one core, by rates measured for what this study does; None
    where it has none of its own, and the machines' rates for training transformers hold (`icltool.sweep.cost`).
    """

    flops: float | None = None
    memory: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study's command, its package, its settings class, and what the floors above ask of it.

    `trains`: a run trains a model, which `--track` can follow. `shared`: the processes of a torchrun can share a run.
    `averages`: its figures take every seed's result and average by themselves. `leaves`: the files of its own that a
    run leaves beside those that every run may (`icltool.core.run_folder.RUN_FILES`); `--force` removes them. `shown`:
    the logged values that progress lines show, in this order. `headline`: the measures of its summary that tables show
    first, where there is not room for all. `identity_columns`: what tells the records of one run apart, and says which
    of two runs belong together; every other column of numbers is measured, and a mean over seeds averages it.
    """

    name: str
    package: str
    config_class: str
    summary: str
    examples: tuple[Example, ...] = ()
    trains: bool = False
    shared: bool = False
    averages: bool = False
    leaves: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    headline: tuple[str, ...] = ()
    identity_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        LEFT_BY_STUDIES.update(self.leaves)

    def config(self) -> "type[Config]":
        """The settings class (imports no torch)."""
        return getattr(self._module("config"), self.config_class)

    def run(self) -> RunStudy:
        """The function that does the work."""
        return self._module("run").run

    def follow(self) -> "Callable[[Config], None]":
        """Of a study that is `shared` by the processes of a torchrun: what all but the first do."""
        return self._module("run").follow

    def figures(self) -> "Callable[[Sequence[Result]], dict[str, go.Figure]]":
        """The function that draws results of this study."""
        return self._module("figure").figures

    def table(self) -> "Callable[[Result], Table]":
        """The function that makes the printed table of a result."""
        return self._module("figure").table

    def cost(self, config: "Config", *, model: "Config | None" = None) -> Cost:
        """What a run will take (imports no torch); `model` is the settings of the model that it reads, if any."""
        return self._module("cost").cost(config, model)

    def _module(self, name: str) -> "StudyModule":
        return cast("StudyModule", importlib.import_module(f"{self.package}.{name}"))


class StudyModule(Protocol):
    """What the modules of a study's folder offer."""

    run: RunStudy
    follow: "Callable[[Config], None]"
    figures: "Callable[[Sequence[Result]], dict[str, go.Figure]]"
    table: "Callable[[Result], Table]"
    cost: "Callable[[Config, Config | None], Cost]"
