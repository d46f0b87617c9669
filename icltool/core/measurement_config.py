"""How a trained model is measured."""

from icltool.core.config import Config, Scalar, setting

GROUP = "Evaluation"


class EvaluationConfig(Config):
    """The held-out prompts."""

    eval_prompts: int = setting(1280, "Held-out prompts.", group=GROUP, ge=2, le=10**7)
    eval_seed: int = setting(
        0, "Seed of the held-out prompts; nothing else changes them.", group=GROUP, ge=0, le=2**63 - 1
    )


class CheckpointConfig(Config):
    """A trained model that a study reads."""

    checkpoint: str = setting(..., "model.safetensors or its run folder; - reads paths from stdin.", argument=True)

    def identity(self) -> dict[str, Scalar]:
        """Every setting but the checkpoint's path: its content, an input of the run, stands for it."""
        return {key: value for key, value in super().identity().items() if key != "checkpoint"}
