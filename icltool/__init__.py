"""icltool: train, probe and explain small models that learn in context.

The package is layered; imports go down only (see `.github/CONTRIBUTING.md`). A study is used from
Python as from the shell, by the same call::

    from icltool.regression.studies.train.config import TrainConfig
    from icltool.regression.studies.train.run import run
    result = run(TrainConfig(L=2, b=2))
"""

import os

__version__ = "0.1.0"

# GNU OpenMP, in torch, reads this once, when torch is imported. By default a thread that waits for the others spins
# for milliseconds and keeps them off the cores they need as soon as anything else runs. Two threads on two cores, a
# compiled training step (L = 2, b = 2, n = 31), medians in ms for 1000, 10 000, 100 000 and unset: on an idle machine
# 39.1, 38.0, 37.2 and 37.0; beside one busy process 74, 87, 150 and 207.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
