"""Every command: the studies of `icltool.studies`, and the commands that are not a study."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from icltool.core.study import Example, Study
from icltool.studies import STUDIES


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command's name and help, and how to get its function when it is the one called; Typer reads its signature.

    `prints` says what it prints on stdout.
    """

    name: str
    summary: str
    panel: str
    examples: tuple[Example, ...]
    prints: str
    load: Callable[[], Callable[..., None]]


class CommandModule(Protocol):
    """What a module in `icltool.cli.commands` offers."""

    run: Callable[..., None]


def all_commands() -> list[Command]:
    """The commands in the order `--help` lists them."""
    return [*(_study(study) for study in STUDIES), *_TOOLS]


def _study(study: Study) -> Command:
    def load() -> Callable[..., None]:
        from icltool.cli.study_command import study_command

        return study_command(study)

    made = "the checkpoint" if study.trains else "result.json"
    return Command(
        name=study.name,
        summary=study.summary,
        panel="Studies",
        examples=study.examples,
        prints=f"the path of {made}, a line a run (a comma list makes several)",
        load=load,
    )


def _tool(name: str, summary: str, prints: str, *examples: Example) -> Command:
    def load() -> Callable[..., None]:
        module = importlib.import_module(f"icltool.cli.commands.{name.replace('-', '_')}")
        return cast("CommandModule", module).run

    return Command(name=name, summary=summary, panel="Results and files", examples=examples, prints=prints, load=load)


_TOOLS = (
    _tool(
        "predict",
        "Apply a trained model to your own data.",
        "the path of the file of predictions: loops x B x n, or of a table a CSV with a column a loop",
        Example(
            "Prompts in a file of tensors",
            "icltool predict runs/paper prompts.safetensors --out predictions.safetensors",
        ),
        Example(
            "One prompt as a table with a column y; more loops than in training",
            "icltool predict runs/paper table.csv --loops 40",
        ),
    ),
    _tool(
        "import-checkpoint",
        "Bring an official checkpoint in (Yang et al.'s, Garg et al.'s).",
        "the path of the checkpoint",
        Example(
            "A looped model, into a folder of your own",
            "icltool import-checkpoint state.pt --heads 8 --b 20 --out runs/official",
        ),
        Example("Measure it at once", "icltool import-checkpoint model.pt --heads 8 | icltool eval - --loops 40"),
    ),
    _tool(
        "inspect",
        "Show what a checkpoint, a run folder or a result holds.",
        "nothing; with --json an object a line",
        Example("Settings, summary, files and machine of a run", "icltool inspect runs/paper"),
        Example("What a checkpoint's header says, for a program", "icltool inspect model.safetensors --json"),
    ),
    _tool(
        "plot",
        "Draw results, several of a kind overlaid.",
        "the path of each figure, a line each",
        Example(
            "Every training so far in one figure, as a page and as pictures",
            "icltool plot runs/train/* --format html,svg --out figures",
        ),
        Example("From training to figure", "icltool train --L 1 --b 20 | icltool eval - | icltool plot -"),
    ),
    _tool(
        "report",
        "Runs and recipes as one HTML page: figures, tables, settings.",
        "the path of the page",
        Example("One run", "icltool report runs/paper"),
        Example("Many runs, compared", "icltool report runs/train/* --out report.html"),
        Example("A claim, with its page, its figures and what is recorded", "icltool report recipes/depth-vs-loops"),
    ),
    _tool(
        "dilate",
        "Train with dilated loop windows and compare them.",
        "the path of the comparison's result.json",
        Example("Three dilations of a window of three loops", "icltool dilate --dilations 1,2,4 --b 12 --T 3"),
        Example("The report's models, long trainings", "icltool dilate --preset dilation --out runs/dilation"),
    ),
    _tool(
        "sweep",
        "Run a recipe: many runs as one, resumable, with its figure.",
        "the path of the sweep's result.json",
        Example("Seconds, to see that it runs", "icltool sweep recipes/depth-vs-loops --scale smoke"),
        Example(
            "What an hour's size would run, and its cost", "icltool sweep recipes/depth-vs-loops --scale cpu --dry-run"
        ),
        Example(
            "Run it, and compare with what is recorded", "icltool sweep recipes/depth-vs-loops --scale cpu --check"
        ),
        Example("On Ray", "icltool sweep recipes/depth-vs-loops --scale paper --engine ray"),
    ),
    _tool(
        "recipes",
        "List the recipes: claim, what they show, how long they take.",
        "the path of each recipe, a line each",
        Example("Those of a checkout", "icltool recipes"),
        Example("Your own, for a program", "icltool recipes my-recipes --json"),
    ),
    _tool(
        "bench",
        "Measure the speed against the plain reference (from a checkout).",
        "nothing; with --json an object",
        Example("Everything, in about half an hour", "icltool bench"),
        Example("A training step of two blocks", "icltool bench train --L 2 --b 2 --rounds 3"),
    ),
)
