"""The two training steps that `bench train` compares: prompts, windowed forward, backward, Adam."""

import importlib
from collections.abc import Callable

import torch

from icltool.bench.config import BenchConfig
from icltool.core.runtime import prepare
from icltool.core.seeding import generator
from icltool.regression.models.checkpoint import new_model
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.objective import RegressionObjective
from icltool.training.gradient_learner import GradientLearner

LEARNING_RATE = 1e-4


def ours(config: BenchConfig) -> Callable[[int], object]:
    """The step that `icltool train` takes, with the optimiser of the plain one."""
    shared = config.model_dump(include=set(TrainConfig.model_fields) - {"steps"})
    train = TrainConfig(**shared, optimiser="adam", lr=LEARNING_RATE, curriculum="none", clip=0.0).resolved()
    runtime = prepare(train)
    model = new_model(train, generator(0, "weights")).to(runtime.device)
    learner = GradientLearner(model, RegressionObjective(model, train, runtime), train, runtime)
    return lambda step: float(learner.advance(step)["loss"])


def plain(config: BenchConfig) -> Callable[[int], object]:
    """The plain implementation with torch's defaults: eager, float32, its fused attention, no allocator settings."""
    reference = importlib.import_module("tests.reference.looped_plain")
    torch.set_num_threads(config.threads or torch.get_num_threads())
    torch.manual_seed(0)
    model = reference.PlainLooped(
        d=config.d,
        points=config.n,
        width=config.width,
        heads=config.heads,
        layers=config.L,
        injection=config.injection,
        attention="sdpa",
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def step(_number: int) -> float:
        xs = torch.randn(config.batch, config.n, config.d)
        weights = torch.randn(config.batch, config.d, 1)
        ys = (xs @ weights)[:, :, 0]
        loss = reference.windowed_loss(model(xs, ys, loops=config.b, window=config.T or config.b), ys)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step
