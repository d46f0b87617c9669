"""The prompts of a training step: fresh ones, or drawn again and again from a finite set."""

import torch

from icltool.core.seeding import generator
from icltool.regression.data.function_classes import sample_prompts
from icltool.regression.data.prompts import Prompts
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.curriculum import PromptSize


class FreshPrompts:
    """New functions and inputs at every step: a pure function of (seed, step, size)."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def draw(self, step: int, size: PromptSize) -> Prompts:
        """The prompts of a step."""
        return sample_prompts(
            self.config.task,
            generator(self.config.seed, "data", step),
            batch=size.batch,
            n=size.points,
            d=self.config.d,
            dims=size.dims,
        )


class FinitePrompts:
    """A training set of `train_prompts` prompts. Under the curriculum its functions are redrawn at each new size."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self._dims = 0
        self._set: Prompts | None = None

    def draw(self, step: int, size: PromptSize) -> Prompts:
        """A batch of the set, with replacement, cut to the size's points."""
        everything = self._at(size.dims)
        chosen = torch.randint(
            everything.ys.shape[0], (size.batch,), generator=generator(self.config.seed, "data", step)
        )
        return Prompts(xs=everything.xs[chosen, : size.points], ys=everything.ys[chosen, : size.points])

    def _at(self, dims: int) -> Prompts:
        if self._set is None or self._dims != dims:
            config = self.config
            self._dims = dims
            self._set = sample_prompts(
                config.task,
                generator(config.seed, "training-set", dims),
                batch=config.train_prompts or 1,
                n=config.n,
                d=config.d,
                dims=dims,
            )
        return self._set
