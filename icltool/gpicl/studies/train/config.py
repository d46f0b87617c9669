"""Settings of `icltool gpicl-train`, and its presets."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from icltool.core.config import Config, PresetValues, setting
from icltool.core.measurement_config import EvaluationConfig
from icltool.core.runtime_config import RuntimeConfig, SeedConfig
from icltool.gpicl.data.config import ImageConfig, TaskConfig
from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.training.training_config import OptimiserConfig, RecordingConfig

CURRICULUM = "Curriculum"
# Enough for a curve during training; the final figures use all of `eval_prompts`.
INTERIM_SEQUENCES = 256
# The tests on a learner's own data set (`own_tests` of icltool.gpicl.evaluation.in_context_accuracy).
OWN_TESTS = 3


class JointCurriculumConfig(Config):
    """Sequences that grow harder: more classes and, where the features are components, more of the image."""

    curriculum: Literal["joint", "none"] = setting(
        "joint", "joint: few classes (and components) first, more as training goes; none.", group=CURRICULUM
    )
    classes_start: int = setting(2, "Classes of a sequence at first.", group=CURRICULUM, ge=1)
    classes_until: float = setting(
        0.5, "Part of the training after which all classes are in use.", group=CURRICULUM, ge=0, le=1
    )
    components_start: int = setting(2, "Components of the image in use at first.", group=CURRICULUM, ge=1)
    components_until: float = setting(
        0.75, "Part of the training after which all components are in use.", group=CURRICULUM, ge=0, le=1
    )


class GpiclTrainConfig(
    GpiclModelConfig,
    ImageConfig,
    TaskConfig,
    JointCurriculumConfig,
    OptimiserConfig,
    EvaluationConfig,
    RecordingConfig,
    SeedConfig,
    RuntimeConfig,
):
    """Meta-train a learner on many tasks made from one data set.

    The defaults (preset `fast`) leave the plateau in minutes on two cores: sequences of two classes first, then of
    more, on standardised pixels, trained with Muon. `--features components` grows the image as well. `paper` is Kirsch
    et al.'s setting.
    """

    DEFAULTS: ClassVar[PresetValues] = {
        "features": "pixels",
        "steps": 3200,
        "schedule": "cosine",
        "warmup": 0,
        "final_lr": 0.05,
        "adam_lr": 1e-3,
        "adam_eps": 1e-10,
        "eval_every": 200,
        "eval_prompts": 2048,
    }
    PRESETS: ClassVar[Mapping[str, PresetValues]] = {
        # Kirsch et al. 2022: plain standardised pixels, all classes, 100 examples from the first step.
        "paper": {
            "dataset": "mnist",
            "features": "pixels",
            "curriculum": "none",
            "L": 4,
            "width": 256,
            "heads": 8,
            "context": 100,
            "optimiser": "adam",
            "lr": 2e-4,
            "schedule": "constant",
            "clip": 0.0,
            "batch": 128,
            "steps": 100_000,
            "eval_every": 1000,
            "save_every": 1000,
            "log_every": 50,
        },
        # Recurrent learners stay at chance under Muon.
        "op-lstm": {"learner": "op-lstm", "L": 1, "optimiser": "adam", "lr": 3e-3, "steps": 3000},
        "lstm": {"learner": "lstm", "L": 1, "optimiser": "adam", "lr": 1e-3, "steps": 6000},
        # One grid of cells; two classes at first would keep it at chance.
        "vsml": {
            "learner": "vsml",
            "L": 1,
            "batch": 8,
            "classes_until": 0.0,
            "optimiser": "adam",
            "lr": 1e-2,
            "steps": 1200,
        },
        # More inner steps cost three times as much each.
        "maml": {"learner": "maml", "inner_steps": 1, "steps": 1600},
        # The paper's remedy for the plateau, at a size seen to leave it on one machine.
        "biased": {
            "dataset": "mnist",
            "resize": 15,
            "grey": True,
            "features": "pixels",
            "curriculum": "none",
            "bias_fraction": 0.9,
            "L": 4,
            "width": 256,
            "heads": 8,
            "context": 50,
            "optimiser": "adam",
            "lr": 2e-4,
            "clip": 2.0,
            "schedule": "constant",
            "batch": 128,
            "steps": 50_000,
            "eval_every": 1000,
            "save_every": 1000,
            "log_every": 50,
        },
    }

    @model_validator(mode="after")
    def _check_start(self) -> Self:
        if self.curriculum == "joint" and self.features == "components" and self.components_start > self.components:
            raise ValueError(f"components_start is {self.components_start}, more than the {self.components} components")
        return self

    @model_validator(mode="after")
    def _check_learner(self) -> Self:
        if not self.kind.trains:
            raise ValueError(
                f"{self.learner} learns each sequence from scratch, so there is nothing to train; choose another "
                "learner, or fit it beside a trained one with gpicl-test CHECKPOINT --sgd"
            )
        return self

    def resolved(self) -> Self:
        """Also whether it compiles, where the learner can."""
        chosen = self.compile_for(self.steps) if self.kind.compiles else self.compile
        return super().resolved().model_copy(update={"compile": chosen})

    @property
    def slug(self) -> str:
        """What the run folder is called."""
        loops = f"-loops{self.loops}" if self.loops > 1 else ""
        size = f"L{self.L}-D{self.width}{loops}"
        return f"{self.learner}-{size}-{self.dataset}-tasks{self.tasks}-seed{self.seed}"
