"""The two steps that `bench double-descent` compares: the exact engine and dense autograd, both with their AdamW.

The setting is the paper's (m = 2, sparsity .999, 50 000 steps); n and T are the bench's.
"""

import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from icltool.bench.config import BenchConfig
from icltool.bench.contest import Contest
from icltool.core.progress import OnStep, StepRecord
from icltool.core.runtime import prepare
from icltool.core.seeding import generator
from icltool.data.sparse_features import SparseSamples, draw_samples
from icltool.models.toy_relu import ToyReLU
from icltool.training.toy_relu_engine import ToyReLUEngine
from icltool.training.toy_relu_optimiser import WarmupCosine

SPARSITY = 0.999
HIDDEN = 2
SETTINGS = WarmupCosine()
SEGMENTS = 40
DENSE_STEPS = 3  # of a segment; their median stands for all its steps


def ours(config: BenchConfig) -> Callable[[int], object]:
    """A step of the engine that `icltool double-descent` trains with."""
    prepare(config)
    samples, model = _problem(config)
    engine = ToyReLUEngine([samples], [model], settings=SETTINGS)
    return lambda _number: engine.step()


def plain(config: BenchConfig) -> Callable[[int], object]:
    """A dense T x n step by autograd and torch's AdamW, with torch's defaults."""
    torch.set_num_threads(config.threads or torch.get_num_threads())
    trainer = _dense_trainer(config)
    return lambda _number: trainer.step()


def whole_run(config: BenchConfig, *, on_step: OnStep) -> Contest:
    """Every step of one training by the engine, with a few dense steps timed between its forty segments.

    A dense step costs the same all along, the engine's gets cheaper while features fall silent, so only the whole run
    tells. Both in one process: the dense side profits from the allocator settings of ours.
    """
    step = ours(config)
    dense = _dense_trainer(config)
    steps = SETTINGS.steps // SEGMENTS
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for segment in range(SEGMENTS):
        on_step(StepRecord(step=segment, steps=SEGMENTS, stage="measuring"))
        began = time.perf_counter()
        for number in range(steps):
            step(number)
        times["ours"].append((time.perf_counter() - began) / steps)
        times["plain"].append(statistics.median(_seconds(dense.step) for _ in range(DENSE_STEPS)))
    on_step(StepRecord(step=SEGMENTS, steps=SEGMENTS, stage="measured"))
    return Contest(ours=times["ours"], plain=times["plain"], whole=True)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _problem(config: BenchConfig) -> tuple[SparseSamples, ToyReLU]:
    samples = draw_samples(config.T or 1000, n=config.n, sparsity=SPARSITY, generator=generator(0, "samples"))
    return samples, ToyReLU(m=HIDDEN, n=config.n, generator=generator(0, "weights"))


def _dense_trainer(config: BenchConfig) -> Any:  # noqa: ANN401 - tests/reference is only imported from a checkout
    reference = importlib.import_module("tests.reference.toy_relu_dense")
    samples, model = _problem(config)
    return reference.DenseTrainer(model.W, model.b, samples.dense())
