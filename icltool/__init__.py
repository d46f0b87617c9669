"""icltool: train, probe and explain small models that learn in context.

The package is layered; imports go down only (see `.github/CONTRIBUTING.md`). A study is used from
Python as from the shell, by the same call::

    from icltool.studies.train import TrainConfig, run
    result = run(TrainConfig(L=2, b=2))
"""

__version__ = "0.1.0"
