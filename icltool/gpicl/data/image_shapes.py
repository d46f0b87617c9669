"""What the data sets are made of, for who asks before their files are read."""

from icltool.gpicl.data.config import DatasetName, PreprocessingConfig

CLASSES = 10
# Rows, columns, channels as the sets come.
SHAPES: dict[DatasetName, tuple[int, int, int]] = {
    "digits": (8, 8, 1),
    "random": (8, 8, 1),
    "mnist": (28, 28, 1),
    "fashion-mnist": (28, 28, 1),
    "kmnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "svhn": (32, 32, 3),
}


def expected_inputs(name: DatasetName, config: PreprocessingConfig) -> int:
    """N_x: how many features a learner sees of the data set's images under this preprocessing."""
    if config.features == "components":
        return config.components
    rows, columns, channels = SHAPES[name]
    if config.resize:
        rows = columns = config.resize
    return rows * columns * (1 if config.grey else channels)
