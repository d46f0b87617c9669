"""Settings of `icltool probe`."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from icltool.core.config import PresetValues, setting
from icltool.core.runtime_config import RuntimeConfig, SeedConfig
from icltool.regression.evaluation.config import PROBE, MeasuredCheckpointConfig, ProbeTargetConfig
from icltool.training.training_config import TRAINING, OptimiserConfig, RecordingConfig

# What the interim evaluations look at: enough for a curve; the final figures use all of `eval_prompts`.
INTERIM_PROMPTS = 256
# Prompts that tell the scale of the states.
SCALE_PROMPTS = 512


class ProbeConfig(MeasuredCheckpointConfig, ProbeTargetConfig, RecordingConfig, SeedConfig, RuntimeConfig):
    """Train probes on every state of a trained model, for every prefix, and test them.

    The defaults fit a model of 20 loops into ten minutes on two cores: smaller batches and fewer steps than the
    paper's, on standardised states, at a learning rate that starts higher and falls to 0. Nearly all of the time goes
    into running the model on fresh prompts, so many small batches serve the probes better than few large ones.
    """

    PRESETS: ClassVar[Mapping[str, PresetValues]] = {
        # Yang et al. 2023, section 5.3; n = 41 and d = 20 are the model's.
        "paper": {
            "batch": 1280,
            "steps": 10_000,
            "lr": 1e-3,
            "schedule": "constant",
            "standardise": False,
            "log_every": 50,
            "eval_every": 500,
            "save_every": 250,
        },
    }

    probe: Literal["mlp", "linear"] = setting("mlp", "Linear, ReLU, Linear; or one Linear.", group=PROBE)
    hidden: int = setting(64, "Hidden units of an mlp probe.", group=PROBE, ge=1, le=65_536)
    standardise: bool = setting(
        default=True,
        help="Probes see each coordinate of a state with mean 0 and variance 1: they learn sooner; else as it is.",
        group=PROBE,
    )
    control: bool = setting(
        default=False,
        help="The control task: train the probes on prompts whose w is all ones, test them on random w.",
        group=PROBE,
    )
    loops: int | None = setting(
        None,
        "Loops whose states are probed, beyond training too; unset: as in training.",
        group=PROBE,
        ge=1,
        le=100_000,
    )
    steps: int = setting(1500, "Training steps of the probes, fresh prompts in each.", group=TRAINING, ge=1, le=10**9)
    batch: int = setting(32, "Prompts of a step.", group=TRAINING, ge=1, le=10**6)
    lr: float = setting(1e-2, "Peak learning rate of Adam.", group=TRAINING, gt=0, le=1e3)
    schedule: Literal["trapezoid", "cosine", "constant"] = setting(
        "trapezoid",
        "Learning rate over the steps: level and a linear fall at the end; a cosine; level.",
        group=TRAINING,
    )

    @property
    def optimiser_settings(self) -> OptimiserConfig:
        """Adam without clipping, which would let one probe's gradient shorten another's."""
        return OptimiserConfig(
            steps=self.steps,
            batch=self.batch,
            optimiser="adam",
            lr=self.lr,
            clip=0.0,
            schedule=self.schedule,
            warmup=0,
        )
