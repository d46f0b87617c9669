"""The two steps that `bench double-descent` compares: the exact engine and dense autograd, both with their AdamW.

The setting is the paper's (m = 2, sparsity .999, 50 000 steps); n and T are the bench's.
"""

import importlib
import time
from collections.abc import Callable

import torch

from icltool.bench.config import BenchConfig
from icltool.bench.paired_timing import PairedTiming, time_in_a_process
from icltool.core.progress import OnStep, StepProgress
from icltool.core.runtime import prepare
from icltool.core.seeding import generator
from icltool.superposition.data.sparse_features import SparseSamples, draw_samples
from icltool.superposition.engine.engine import ToyReLUEngine
from icltool.superposition.engine.optimiser import WarmupCosine
from icltool.superposition.model import ToyReLU

SPARSITY = 0.999
HIDDEN = 2
SETTINGS = WarmupCosine()
SEGMENTS = 10


def ours(config: BenchConfig) -> Callable[[int], object]:
    """A step of the engine that `icltool double-descent` trains with."""
    prepare(config)
    samples, model = _problem(config)
    engine = ToyReLUEngine([samples], [model], settings=SETTINGS)
    return lambda _number: engine.step()


def plain(config: BenchConfig) -> Callable[[int], object]:
    """A dense T x n step by autograd and torch's AdamW, with torch's defaults."""
    torch.set_num_threads(config.threads or torch.get_num_threads())
    reference = importlib.import_module("tests.reference.toy_relu_dense")
    samples, model = _problem(config)
    trainer = reference.DenseTrainer(model.W, model.b, samples.dense())
    return lambda _number: trainer.step()


def whole_run(config: BenchConfig, *, on_step: OnStep) -> PairedTiming:
    """Every step of one training by the engine, and between its ten segments some dense steps in their own process.

    A dense step costs the same all along, the engine's gets cheaper while features fall silent, so only the whole run
    tells.
    """
    step = ours(config)
    steps = SETTINGS.steps // SEGMENTS
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for segment in range(SEGMENTS):
        on_step(StepProgress(step=segment, steps=SEGMENTS, phase="measuring"))
        began = time.perf_counter()
        for number in range(steps):
            step(number)
        times["ours"].append((time.perf_counter() - began) / steps)
        times["plain"].append(time_in_a_process("plain", config))
    on_step(StepProgress(step=SEGMENTS, steps=SEGMENTS, phase="measured"))
    return PairedTiming(ours=times["ours"], plain=times["plain"], whole=True)


def _problem(config: BenchConfig) -> tuple[SparseSamples, ToyReLU]:
    samples = draw_samples(config.T or 1000, n=config.n, sparsity=SPARSITY, generator=generator(0, "samples"))
    return samples, ToyReLU(m=HIDDEN, n=config.n, generator=generator(0, "weights"))
