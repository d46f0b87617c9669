"""Every study, one line each. Modules are named, not imported: listing the commands must not load torch."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from icltool.core.errors import InputError

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


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study's command, its folder under `icltool.studies`, its config class, and what it prints."""

    name: str
    package: str
    config_class: str
    summary: str
    examples: tuple[str, ...] = ()
    trains: bool = False

    def config(self) -> "type[Config]":
        """The settings class (imports no torch)."""
        return getattr(self._module("config"), self.config_class)

    def run(self) -> RunStudy:
        """The function that does the work."""
        return self._module("run").run

    def figures(self) -> "Callable[[Sequence[Result]], dict[str, go.Figure]]":
        """The function that draws results of this study."""
        return self._module("figure").figures

    def table(self) -> "Callable[[Result], Table]":
        """The function that makes the printed table of a result."""
        return self._module("figure").table

    def _module(self, name: str) -> "StudyModule":
        return cast("StudyModule", importlib.import_module(f"icltool.studies.{self.package}.{name}"))


class StudyModule(Protocol):
    """What the modules of a study's folder offer."""

    run: RunStudy
    figures: "Callable[[Sequence[Result]], dict[str, go.Figure]]"
    table: "Callable[[Result], Table]"


STUDIES: tuple[Study, ...] = (
    Study(
        name="train",
        package="train",
        config_class="TrainConfig",
        summary="Train a transformer to regress in context.",
        examples=(
            "icltool train --L 2 --b 2",
            "icltool train --preset paper --out runs/paper",
            "icltool train --config runs/paper/config.toml --seed 1",
        ),
        trains=True,
    ),
    Study(
        name="eval",
        package="evaluate",
        config_class="EvaluateConfig",
        summary="Measure a trained model along the context and the loops.",
        examples=("icltool eval runs/paper", "icltool train --L 1 --b 20 | icltool eval - --loops 60"),
    ),
)


def study_named(name: str) -> Study:
    """The study of this name (a result's `kind`); raises `InputError` when there is none."""
    for study in STUDIES:
        if study.name == name:
            return study
    raise InputError(f"there is no study {name!r} in this icltool; update it, or check the file")
