"""How a trained model is measured."""

from icltool.core.config import Config, setting

GROUP = "Evaluation"


class EvaluationConfig(Config):
    """The held-out prompts."""

    eval_prompts: int = setting(1280, "Held-out prompts.", group=GROUP, ge=2, le=10**7)
    eval_seed: int = setting(0, "Seed of the held-out prompts; nothing else changes them.", group=GROUP, ge=0)
