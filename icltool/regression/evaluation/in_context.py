"""Squared error of in-context predictions: at every point of the prompt, for every scored loop.

Errors are divided by the function class's scale, so that predicting zero scores 1 (before any shift).
Point i is predicted with i - 1 examples seen. Where a shift placed queries, each is predicted from its own prefix.

Legend: B prompts, n points, t tokens, s scored loops, p places.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.networks.loop import TokenLayout
from icltool.regression.data.config import FunctionClass, Shift
from icltool.regression.data.function_classes import error_scale
from icltool.regression.data.prompts import Prompts
from icltool.regression.data.shifts import shifted_prompts
from icltool.regression.models.baselines import BASELINES, Baseline
from icltool.regression.models.fitted_baselines import FittedBaseline
from icltool.regression.models.loop_plan import LoopPlan
from icltool.regression.models.looped import LoopedTransformer

CHUNK = 256

Predictions = Float[Tensor, "s B n"]


def evaluation_prompts(
    task: FunctionClass, *, seed: int, prompts: int, n: int, d: int, shift: Shift = "none"
) -> Prompts:
    """The held-out prompts of an evaluation seed; they depend on it, on their sizes and on the shift alone."""
    return shifted_prompts(task, shift, seed=seed, batch=prompts, n=n, d=d)


def predict_prompts(model: LoopedTransformer, prompts: Prompts, plan: LoopPlan, runtime: Runtime) -> Predictions:
    """Predictions at every query for each scored loop, on the CPU, without gradients, in bounded memory."""
    parts: list[Tensor] = []
    model.eval()
    with torch.no_grad(), runtime.autocast():
        for chunk in chunks(prompts):
            sequence = model_input(chunk.to(runtime.device))
            found = model(sequence.xs, sequence.ys, replace(plan, layout=sequence.layout))
            parts.append(found[..., sequence.first_query :].float().cpu())
    return torch.cat(parts, dim=1)


@dataclass(frozen=True, kw_only=True)
class ModelInput:
    """What the model is given for some prompts; the predictions asked for are those from `first_query` on."""

    xs: Float[Tensor, "B m d"]
    ys: Float[Tensor, "B m"]
    layout: TokenLayout | None
    first_query: int


def model_input(prompts: Prompts) -> ModelInput:
    """The prompts' own points, followed by their queries where those are placed.

    A placed query k sees the first k points and itself, at the position of point k + 1, and no other query: all the
    prefixes are predicted in one pass, exactly as if each were given alone.
    """
    if prompts.queries is None:
        return ModelInput(xs=prompts.xs, ys=prompts.ys, layout=None, first_query=0)
    n = prompts.ys.shape[1]
    return ModelInput(
        xs=torch.cat([prompts.xs, prompts.queries.xs], dim=1),
        ys=torch.cat([prompts.ys, torch.zeros_like(prompts.ys)], dim=1),
        layout=_placed_layout(n, prompts.xs.device),
        first_query=n,
    )


def _placed_layout(n: int, device: torch.device) -> TokenLayout:
    places = repeat(torch.arange(2 * n, device=device), "t -> (two t)", two=2)
    of_context = torch.arange(4 * n, device=device) < 2 * n
    seer, seen = rearrange(places, "t -> t 1"), rearrange(places, "t -> 1 t")
    # The token of a query's own y, which nothing reads, stands after its x and may see the same.
    before = torch.where(rearrange(of_context, "t -> t 1"), seen <= seer, seen < seer - seer % 2)
    itself = torch.eye(4 * n, dtype=torch.bool, device=device)
    return TokenLayout(places=places, visible=(before & of_context) | itself)


def model_errors(
    model: LoopedTransformer, prompts: Prompts, plan: LoopPlan, runtime: Runtime, *, scale: float
) -> Float[Tensor, "s B n"]:
    """Normalised squared errors of the model."""
    return (predict_prompts(model, prompts, plan, runtime) - prompts.query_ys).square() / scale


def baseline_errors(baseline: Baseline, prompts: Prompts, *, scale: float) -> Float[Tensor, "B n"]:
    """Normalised squared errors of a classical learner."""
    return (baseline(prompts) - prompts.query_ys).square() / scale


def fitted_errors(
    baseline: FittedBaseline, prompts: Prompts, places: Sequence[int], *, scale: float
) -> Float[Tensor, "B p"]:
    """Normalised squared errors, at some places, of a learner fitted to each prefix."""
    return (baseline(prompts, places) - prompts.query_ys[:, list(places)]).square() / scale


def all_baseline_errors(
    prompts: Prompts, task: FunctionClass, *, scale: float | None = None
) -> dict[str, Float[Tensor, "B n"]]:
    """Normalised squared errors of every quick baseline, by name; `scale` defaults to the class's."""
    divisor = error_scale(task, d=prompts.xs.shape[-1]) if scale is None else scale
    return {name: baseline_errors(baseline, prompts, scale=divisor) for name, baseline in BASELINES.items()}


def chunks(prompts: Prompts) -> Iterator[Prompts]:
    """The prompts, at most `CHUNK` at a time."""
    for start in range(0, len(prompts.ys), CHUNK):
        yield prompts.rows(start, start + CHUNK)
