"""Meta-train a learner on many tasks made from one data set, so that it learns new ones in context."""

from icltool.core.study import Example, Study

GPICL_TRAIN = Study(
    name="gpicl-train",
    package="icltool.gpicl.studies.train",
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
    shown=("loss", "held_out_accuracy", "classes", "components"),
    headline=("held_out_accuracy", "seen_tasks_accuracy", "chance"),
    identity_columns=("measure", "model", "test", "dataset", "tasks", "images", "examples"),
)
