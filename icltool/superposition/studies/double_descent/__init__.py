"""`icltool double-descent`: the toy ReLU model between memorising samples and representing features."""

from icltool.core.study import Example, Study

# Snapshots of W along training.
TRAJECTORY = "trajectory.safetensors"

DOUBLE_DESCENT = Study(
    name="double-descent",
    package="icltool.superposition.studies.double_descent",
    config_class="DoubleDescentConfig",
    summary="Train the toy ReLU model on T samples: memorised or generalised?",
    examples=(
        Example("The whole curve over T", "icltool double-descent"),
        Example("Nine runs of your own choice", "icltool double-descent --T 3,5,8 --seed 0,1,2"),
        Example("One run of the paper's size", "icltool double-descent --preset paper --T 1000"),
    ),
    trains=True,
    averages=True,
    leaves=(TRAJECTORY,),
    shown=("loss", "test_loss"),
    headline=("test_loss", "train_loss", "sample_dimensionality"),
    identity_columns=("measure", "T", "m", "index"),
)
