"""Every command: the studies of the registry, and the commands that are no study."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

from icltool.studies.registry import STUDIES, Study


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command's name and help, and how to get its parameters and its function when it is the one called."""

    name: str
    summary: str
    panel: str
    examples: tuple[str, ...]
    load: Callable[[], tuple[list[inspect.Parameter], Callable[..., None]]]


class CommandModule(Protocol):
    """What a module in `icltool.cli.commands` offers."""

    def parameters(self) -> list[inspect.Parameter]:
        """Its options and arguments."""
        ...

    def run(self, **given: object) -> None:
        """Do it and print."""
        ...


def all_commands() -> list[Command]:
    """The commands in the order `--help` lists them."""
    return [*(_study(study) for study in STUDIES), *_TOOLS]


def _study(study: Study) -> Command:
    def load() -> tuple[list[inspect.Parameter], Callable[..., None]]:
        from icltool.cli.study_command import run_study, study_parameters

        return study_parameters(study), partial(run_study, study)

    return Command(name=study.name, summary=study.summary, panel="Studies", examples=study.examples, load=load)


def _tool(name: str, summary: str, *examples: str) -> Command:
    def load() -> tuple[list[inspect.Parameter], Callable[..., None]]:
        module = cast("CommandModule", importlib.import_module(f"icltool.cli.commands.{name.replace('-', '_')}"))
        return module.parameters(), module.run

    return Command(name=name, summary=summary, panel="Results and files", examples=examples, load=load)


_TOOLS = (
    _tool(
        "predict",
        "Apply a trained model to your own data.",
        "icltool predict runs/paper prompts.safetensors --out predictions.safetensors",
        "icltool predict runs/paper table.csv --loops 40",
    ),
    _tool(
        "import-checkpoint",
        "Bring an official checkpoint in (Yang et al.'s, Garg et al.'s).",
        "icltool import-checkpoint state.pt --heads 8 --b 20 --out runs/official",
        "icltool import-checkpoint model.pt --heads 8 | icltool eval - --loops 40",
    ),
    _tool(
        "inspect",
        "Show what a checkpoint, a run folder or a result holds.",
        "icltool inspect runs/paper",
        "icltool inspect model.safetensors --json",
    ),
    _tool(
        "plot",
        "Draw results, several of a kind overlaid.",
        "icltool plot runs/train/* --format html,svg --out figures",
        "icltool train --L 1 --b 20 | icltool eval - | icltool plot -",
    ),
    _tool(
        "report",
        "Runs and recipes as one HTML page: figures, tables, settings.",
        "icltool report runs/paper",
        "icltool report runs/train/* --out report.html",
        "icltool report recipes/depth-vs-loops",
    ),
    _tool(
        "dilate",
        "Train with dilated loop windows and compare them.",
        "icltool dilate --dilations 1,2,4 --b 12 --T 3",
    ),
    _tool(
        "sweep",
        "Run a recipe: many runs as one, resumable, with its figure.",
        "icltool sweep recipes/depth-vs-loops --scale smoke",
        "icltool sweep recipes/depth-vs-loops --scale cpu --dry-run",
    ),
    _tool("recipes", "List the recipes: claim, what they show, how long they take.", "icltool recipes"),
    _tool("bench", "Measure the speed against the plain reference (from a checkout).", "icltool bench"),
)
