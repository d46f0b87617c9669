"""Look at the tasks made from a data set: one image under several, and whether they are what they should be."""

from icltool.core.study import Example, Study

# Sequences to take away.
SEQUENCES = "sequences.safetensors"

GPICL_AUGMENT = Study(
    name="gpicl-augment",
    package="icltool.gpicl.studies.augment",
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
    leaves=(SEQUENCES,),
    headline=("training_images", "test_images", "inputs"),
    identity_columns=("measure", "task", "row", "column"),
)
