"""The two probe updates that `bench probe` compares: forward, backward, Adam for b + 1 states x d targets.

The states are random tensors of a model's sizes: how they were made is not part of the update.
"""

import importlib
from collections.abc import Callable

import torch

from icltool.bench.config import BenchConfig
from icltool.core.runtime import prepare
from icltool.core.seeding import generator
from icltool.regression.models.probes import Probes, ProbeSizes
from icltool.regression.studies.probe.config import ProbeConfig
from icltool.regression.studies.probe.learner import ProbeUpdate, states_at_once

LEARNING_RATE = 1e-3


def ours(config: BenchConfig) -> Callable[[int], object]:
    """The update of `icltool probe`, some states at a time."""
    runtime = prepare(config)
    sizes = _sizes(config)
    probes = Probes(sizes, generator=generator(0, "probe-weights")).to(runtime.device)
    settings = ProbeConfig(checkpoint="none", lr=LEARNING_RATE, schedule="constant").optimiser_settings
    update = ProbeUpdate(probes, settings)
    at_once = states_at_once(probes, runtime, batch=config.batch)
    random = generator(0, "states")
    shape = (sizes.states, sizes.tokens, config.batch, sizes.width)
    states = torch.randn(shape, generator=random).to(runtime.device)
    targets = torch.randn(sizes.targets, config.batch, sizes.d, generator=random).to(runtime.device)

    def step(_number: int) -> float:
        for first in range(0, sizes.states, at_once):
            update.add(first, states[first : first + at_once], targets)
        return float(update.apply(1.0))

    return step


def plain(config: BenchConfig) -> Callable[[int], object]:
    """One module a probe, one after another, with torch's defaults."""
    reference = importlib.import_module("tests.reference.probe_sequential")
    torch.set_num_threads(config.threads or torch.get_num_threads())
    torch.manual_seed(0)
    sizes = _sizes(config)
    probes = reference.SequentialProbes(**sizes._asdict(), lr=LEARNING_RATE)
    states = [torch.randn(config.batch, sizes.tokens, sizes.width) for _ in range(sizes.states)]
    targets = [torch.randn(config.batch, sizes.d) for _ in range(sizes.targets)]
    return lambda _number: float(probes.step(states, targets).mean())


def _sizes(config: BenchConfig) -> ProbeSizes:
    hidden = ProbeConfig(checkpoint="none").hidden
    return ProbeSizes(
        states=config.b + 1, targets=config.d, tokens=2 * config.n, width=config.width, hidden=hidden, d=config.d
    )
