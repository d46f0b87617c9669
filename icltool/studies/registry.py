"""Every study, one line each. Modules are named, not imported: listing the commands must not load torch."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

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


class Example(NamedTuple):
    """A command line to try, and in half a line what it does."""

    what: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study's command, its folder under `icltool.studies`, its config class, and what it prints."""

    name: str
    package: str
    config_class: str
    summary: str
    examples: tuple[Example, ...] = ()
    trains: bool = False
    shared: bool = False
    # Its figures take every seed's result and average by themselves.
    averages: bool = False

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

        None where the study has none of its own: then the machines' of `icltool.sweep.estimate` hold.
        """
        estimate = getattr(self._module("cost"), "core_seconds", None) if self._has_cost() else None
        return None if estimate is None else float(estimate(config))

    def _has_cost(self) -> bool:
        return importlib.util.find_spec(f"icltool.studies.{self.package}.cost") is not None

    def _module(self, name: str) -> "StudyModule":
        return cast("StudyModule", importlib.import_module(f"icltool.studies.{self.package}.{name}"))


class StudyModule(Protocol):
    """What the modules of a study's folder offer."""

    run: RunStudy
    follow: "Callable[[Config], None]"
    figures: "Callable[[Sequence[Result]], dict[str, go.Figure]]"
    table: "Callable[[Result], Table]"
    flops: "Callable[[Config, Config | None], float | None]"


STUDIES: tuple[Study, ...] = (
    Study(
        name="train",
        package="train",
        config_class="TrainConfig",
        summary="Train a transformer to regress in context.",
        examples=(
            Example("Two layers and two loops, a few minutes on a laptop", "icltool train --L 2 --b 2"),
            Example(
                "A grid of nine runs side by side, and means over the seeds", "icltool train --L 1,2,4 --seed 0,1,2"
            ),
            Example("As in the paper, into a folder of your own", "icltool train --preset paper --out runs/paper"),
            Example("Go on after Ctrl-C, a crash or a kill", "icltool train --preset paper --out runs/paper --resume"),
            Example(
                "The settings of an earlier run with another seed",
                "icltool train --config runs/paper/config.toml --seed 1",
            ),
        ),
        trains=True,
        shared=True,
    ),
    Study(
        name="eval",
        package="evaluate",
        config_class="EvaluateConfig",
        summary="Measure a trained model along the context and the loops.",
        examples=(
            Example(
                "The error by example and by loop, every shift and every baseline",
                "icltool eval runs/paper --shifts all --baselines all",
            ),
            Example("Prompts cut from a real table", "icltool eval runs/paper --table diabetes"),
            Example(
                "Far beyond the loops in training, stopping where the state settles",
                "icltool train --L 1 --b 20 | icltool eval - --loops 60 --halt-tol 0.01",
            ),
        ),
    ),
    Study(
        name="mask-tokens",
        package="mask_tokens",
        config_class="MaskTokensConfig",
        summary="Measure a model with all but n pairs of its state masked.",
        examples=(
            Example(
                "Only the last n pairs of the recurrent state, for every n",
                "icltool mask-tokens runs/paper --keep last",
            ),
            Example(
                "The prompt itself cut to its first n pairs",
                "icltool mask-tokens runs/paper --keep first --scope input",
            ),
        ),
    ),
    Study(
        name="probe",
        package="probe",
        config_class="ProbeConfig",
        summary="Decode what a trained model knows after each loop or layer.",
        examples=(
            Example("Least squares, loop by loop", "icltool probe runs/paper --target Wols"),
            Example(
                "Ten steps of gradient descent, in loops beyond training too",
                "icltool probe runs/paper --target gd:10 --loops 60",
            ),
            Example(
                "With the control task, and straight to a figure",
                "icltool train --L 1 --b 20 | icltool probe - --control | icltool plot -",
            ),
        ),
    ),
    Study(
        name="gpicl-augment",
        package="gpicl_augment",
        config_class="GpiclAugmentConfig",
        summary="Look at the tasks made from a data set: one image under several.",
        examples=(
            Example("Image number 7 under seven tasks", "icltool gpicl-augment --image 7"),
            Example(
                "A thousand sequences in a file, to train something else on",
                "icltool gpicl-augment --sequences 1000 --features components --out sequences",
            ),
        ),
        averages=True,
    ),
    Study(
        name="gpicl-train",
        package="gpicl_train",
        config_class="GpiclTrainConfig",
        summary="Meta-train a learner on many tasks made from one data set.",
        examples=(
            Example("A Transformer on 2^24 tasks made from digits", "icltool gpicl-train"),
            Example("Too few tasks to learn to learn", "icltool gpicl-train --tasks 64 --seed 1"),
            Example(
                "Fashion-MNIST, from files that are already here",
                "icltool gpicl-train --dataset fashion-mnist --data-dir fashion",
            ),
        ),
        trains=True,
    ),
    Study(
        name="gpicl-test",
        package="gpicl_test",
        config_class="GpiclTestConfig",
        summary="Test a meta-trained learner on seen and unseen tasks and other data.",
        examples=(
            Example("Seen tasks and unseen ones", "icltool gpicl-test runs/gpicl-train/NAME"),
            Example("On other images too", "icltool gpicl-train | icltool gpicl-test - --elsewhere random,kmnist"),
        ),
    ),
    Study(
        name="double-descent",
        package="double_descent",
        config_class="DoubleDescentConfig",
        summary="Train the toy ReLU model on T samples: memorised or generalised?",
        examples=(
            Example("The whole curve over T", "icltool double-descent"),
            Example("Nine runs of your own choice", "icltool double-descent --T 3,5,8 --seed 0,1,2"),
            Example("One run of the paper's size", "icltool double-descent --preset paper --T 1000"),
        ),
        trains=True,
        averages=True,
    ),
)


def study_named(name: str) -> Study:
    """The study of this name (a result's `kind`); raises `InputError` when there is none."""
    for study in STUDIES:
        if study.name == name:
            return study
    raise InputError(f"results of {name!r} have no figure in this icltool; give those of a study, or update it")
