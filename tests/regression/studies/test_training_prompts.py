"""Fresh prompts are fresh, finite ones come from a set of the size asked for."""

import torch

from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.curriculum import PromptSize
from icltool.regression.studies.train.training_prompts import FinitePrompts, FreshPrompts

FULL = PromptSize(dims=3, points=6, batch=50)


def test_a_finite_set_has_that_many_prompts_and_no_more() -> None:
    config = TrainConfig(d=3, n=6, train_prompts=7, seed=2)
    prompts = FinitePrompts(config)
    met = torch.cat([prompts.draw(step, FULL).xs[:, 0] for step in range(1, 20)])
    assert len(met.unique(dim=0)) == 7
    again = FinitePrompts(config).draw(5, FULL)
    assert torch.equal(again.ys, prompts.draw(5, FULL).ys)


def test_early_stages_use_few_coordinates_and_points() -> None:
    prompts = FinitePrompts(TrainConfig(d=3, n=6, train_prompts=7))
    early = prompts.draw(1, PromptSize(dims=1, points=4, batch=50))
    assert early.xs.shape == (50, 4, 3)
    assert bool((early.xs[..., 1:] == 0).all())
    assert float(early.ys.abs().min()) > 0


def test_fresh_prompts_never_repeat() -> None:
    prompts = FreshPrompts(TrainConfig(d=3, n=6))
    met = torch.cat([prompts.draw(step, FULL).xs[:, 0] for step in range(1, 20)])
    assert len(met.unique(dim=0)) == 50 * 19
