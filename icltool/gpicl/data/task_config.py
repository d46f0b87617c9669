"""How many tasks a learner is trained on, how their batches are made, and how long a sequence is."""

from icltool.core.config import Config, setting

GROUP = "Tasks"


class SequenceConfig(Config):
    """The length of a sequence of one task."""

    context: int = setting(50, "Examples of a sequence, the one asked for included.", group=GROUP, ge=2, le=65_536)


class TaskCountConfig(Config):
    """The training tasks: random projections and label permutations, numbered from 0."""

    tasks: int = setting(
        2**24, "Training tasks; none is stored, so any number costs the same.", group=GROUP, ge=1, le=2**62
    )


class TaskConfig(TaskCountConfig):
    """Batches of training tasks."""

    bias_fraction: float = setting(
        0.0, "Part of a batch's sequences that keep their labels unpermuted.", group=GROUP, ge=0, le=1
    )
