"""What a study is to everything above it: a name, settings, work, figures, a table, a cost."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from icltool.core.config import Config
    from icltool.core.progress import OnStep
    from icltool.core.result import Result
    from icltool.core.run_folder import RunRequest
    from icltool.core.table import Table


class RunStudy(Protocol):
    """A study's `run`."""

    def __call__(self, config: "Config", *, request: "RunRequest | None", on_step: "OnStep") -> "Result":
        """Do the study, or return the result of a finished run."""
        ...


class Example(NamedTuple):
    """A command line to try, and in half a line what it does."""

    what: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study's command, its package, its config class, and what it prints.

    Its modules are named, not imported: listing the commands must not load torch.
    """

    name: str
    package: str
    config_class: str
    summary: str
    examples: tuple[Example, ...] = ()
    trains: bool = False
    shared: bool = False
    # Its figures take every seed's result and average by themselves.
    averages: bool = False
    # What tells the records of one run apart, and says which of two runs belong together. Every other column of
    # numbers is measured: a mean over seeds averages it.
    identity_columns: tuple[str, ...] = ()

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

    def flops(self, config: "Config", *, model: "Config | None" = None) -> float | None:
        """Floating-point operations a run will take; `model` is the settings of the model that it reads, if any.

        None where the study has no model of its cost, or the model that it reads is not known.
        """
        return self._module("cost").flops(config, model) if self._has_cost() else None

    def memory(self, config: "Config") -> float | None:
        """Bytes that a run will take at its peak; None where the study has no model of it."""
        estimate = getattr(self._module("cost"), "memory", None) if self._has_cost() else None
        return None if estimate is None else float(estimate(config))

    def core_seconds(self, config: "Config") -> float | None:
        """Seconds that a run will take one core, by rates measured for what the study does.

        None where the study has none of its own: then the machines' of `icltool.sweep.cost` hold.
        """
        estimate = getattr(self._module("cost"), "core_seconds", None) if self._has_cost() else None
        return None if estimate is None else float(estimate(config))

    def _has_cost(self) -> bool:
        return importlib.util.find_spec(f"{self.package}.cost") is not None

    def _module(self, name: str) -> "StudyModule":
        return cast("StudyModule", importlib.import_module(f"{self.package}.{name}"))


class StudyModule(Protocol):
    """What the modules of a study's folder offer."""

    run: RunStudy
    follow: "Callable[[Config], None]"
    figures: "Callable[[Sequence[Result]], dict[str, go.Figure]]"
    table: "Callable[[Result], Table]"
    flops: "Callable[[Config, Config | None], float | None]"
