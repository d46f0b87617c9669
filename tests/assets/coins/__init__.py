"""A study of somebody else: `tests/cli/test_from_outside.py` adds it to the list of studies."""

from icltool.core.study import Example, Study

COINS = Study(
    name="coins",
    package="tests.assets.coins",
    config_class="CoinsConfig",
    summary="Toss coins.",
    examples=(Example("Three", "icltool coins --tosses 3"), Example("Ten", "icltool coins")),
    leaves=("coins.txt",),
    shown=("heads",),
    identity_columns=("measure", "tosses"),
    headline=("heads",),
)
