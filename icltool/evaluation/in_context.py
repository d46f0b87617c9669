"""Squared error of in-context predictions: at every point of the prompt, for every scored loop.

Errors are divided by the function class's scale, so that predicting zero scores 1 (before any shift).
Point i is predicted with i - 1 examples seen.

Legend: B prompts, n points, s scored loops.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.data.function_classes import error_scale, sample_prompts
from icltool.data.prompt_config import FunctionClass
from icltool.data.prompts import Prompts
from icltool.models.baselines import BASELINES, Baseline
from icltool.models.loop_plan import LoopPlan
from icltool.models.looped import LoopedTransformer

CHUNK = 256

Predictions = Float[Tensor, "s B n"]


def evaluation_prompts(task: FunctionClass, *, seed: int, prompts: int, n: int, d: int) -> Prompts:
    """The held-out prompts of an evaluation seed; they depend on it and on their sizes alone."""
    return sample_prompts(task, generator(seed, "evaluation"), batch=prompts, n=n, d=d)


def predict_prompts(model: LoopedTransformer, prompts: Prompts, plan: LoopPlan, runtime: Runtime) -> Predictions:
    """Predictions at every point for each scored loop, on the CPU, without gradients, in bounded memory."""
    parts: list[Tensor] = []
    model.eval()
    with torch.no_grad(), runtime.autocast():
        for chunk in _chunks(prompts):
            on_device = chunk.to(runtime.device)
            parts.append(model(on_device.xs, on_device.ys, plan).float().cpu())
    return torch.cat(parts, dim=1)


def model_errors(
    model: LoopedTransformer, prompts: Prompts, plan: LoopPlan, runtime: Runtime, *, scale: float
) -> Float[Tensor, "s B n"]:
    """Normalised squared errors of the model."""
    return (predict_prompts(model, prompts, plan, runtime) - prompts.ys).square() / scale


def baseline_errors(baseline: Baseline, prompts: Prompts, *, scale: float) -> Float[Tensor, "B n"]:
    """Normalised squared errors of a classical learner."""
    return (baseline(prompts) - prompts.ys).square() / scale


def all_baseline_errors(prompts: Prompts, task: FunctionClass) -> dict[str, Float[Tensor, "B n"]]:
    """Normalised squared errors of every baseline, by name."""
    scale = error_scale(task, d=prompts.xs.shape[-1])
    return {name: baseline_errors(baseline, prompts, scale=scale) for name, baseline in BASELINES.items()}


def _chunks(prompts: Prompts) -> Iterator[Prompts]:
    for start in range(0, prompts.ys.shape[0], CHUNK):
        part = slice(start, start + CHUNK)
        yield Prompts(xs=prompts.xs[part], ys=prompts.ys[part])
