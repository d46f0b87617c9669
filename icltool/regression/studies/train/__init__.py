"""Train a transformer to regress in context."""

from icltool.core.study import Example, Study

TRAIN = Study(
    name="train",
    package="icltool.regression.studies.train",
    config_class="TrainConfig",
    summary="Train a transformer to regress in context.",
    examples=(
        Example("Two layers and two loops, a few minutes on a laptop", "icltool train --L 2 --b 2"),
        Example("A grid of nine runs side by side, and means over the seeds", "icltool train --L 1,2,4 --seed 0,1,2"),
        Example("As in the paper, into a folder of your own", "icltool train --preset paper --out runs/paper"),
        Example("Go on after Ctrl-C, a crash or a kill", "icltool train --preset paper --out runs/paper --resume"),
        Example(
            "The settings of an earlier run with another seed",
            "icltool train --config runs/paper/config.toml --seed 1",
        ),
    ),
    trains=True,
    shared=True,
    shown=("loss", "held_out_error", "dims", "loops"),
    headline=("held_out_error", "least squares error", "ridge error"),
    identity_columns=("measure", "model", "role", "loop", "examples"),
)
