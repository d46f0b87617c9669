"""icltool: train, probe and explain small models that learn in context.

The package is layered; imports go down only (see `.github/CONTRIBUTING.md`). A study is used from
Python as from the shell, by the same call::

    from icltool.studies.train.config import TrainConfig
    from icltool.studies.train.run import run
    result = run(TrainConfig(L=2, b=2))
"""

import os

__version__ = "0.1.0"

# GNU OpenMP, in torch, reads this once, when torch is imported. By default a thread that waits for the others spins
# for milliseconds and keeps them off the cores they need as soon as anything else runs: beside one busy process a
# two-thread training step took 1100 to 2100 ms, with counts of 500 to 3000 260 to 290 ms. On an idle machine medians of
# short runs went from 113 to 306 ms with 1000 and from 109 to 246 ms without: too noisy to tell what it costs there.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
