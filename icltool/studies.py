"""Every study, one line each, in the order that `--help` lists them.

A list, so that a program of your own can append a study before it calls `icltool.cli.app.main`.
"""

from icltool.core.errors import InputError
from icltool.core.study import Study
from icltool.gpicl.studies.augment import GPICL_AUGMENT
from icltool.gpicl.studies.test import GPICL_TEST
from icltool.gpicl.studies.train import GPICL_TRAIN
from icltool.regression.studies.evaluate import EVALUATE
from icltool.regression.studies.mask_tokens import MASK_TOKENS
from icltool.regression.studies.probe import PROBE
from icltool.regression.studies.train import TRAIN
from icltool.superposition.studies.double_descent import DOUBLE_DESCENT

STUDIES: list[Study] = [
    TRAIN,
    EVALUATE,
    MASK_TOKENS,
    PROBE,
    GPICL_AUGMENT,
    GPICL_TRAIN,
    GPICL_TEST,
    DOUBLE_DESCENT,
]


def find_study(name: str) -> Study | None:
    """The study of this name (a result's `kind`), if there is one."""
    return next((study for study in STUDIES if study.name == name), None)


def study_named(name: str) -> Study:
    """The study of this name; raises `InputError` when there is none."""
    study = find_study(name)
    if study is None:
        raise InputError(f"results of {name!r} have no figure in this icltool; give those of a study, or update it")
    return study
