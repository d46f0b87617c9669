"""icltool: train, probe and explain small models that learn in context.

The package is layered; imports go down only (see `.github/CONTRIBUTING.md`). A study is used from
Python as from the shell, by the same call::

    from icltool.regression.studies.train.config import TrainConfig
    from icltool.regression.studies.train.run import run
    result = run(TrainConfig(L=2, b=2))

To import icltool changes nothing in the process, and a run puts back what it sets there. The command line does more,
for speed, in a process of its own: its waiting threads sleep soon, and it holds on to freed memory. For the same
speed, say so in the first cell, before anything imports torch::

    import icltool
    icltool.use_whole_process()
"""

from icltool.core.whole_process import use_whole_process

__all__ = ["__version__", "use_whole_process"]

__version__ = "0.1.0"
