"""Compute adapted at inference: a prompt's loops stop when its state no longer moves.

Prompts that have stopped leave the batch, so that the loops they are spared cost nothing.

Legend: B prompts, s loops, t tokens, D width.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.in_context import chunks
from icltool.regression.evaluation.loop_by_loop import relative_change, tokens_up_to_the_last_x
from icltool.regression.models.looped import LoopedTransformer


@dataclass(frozen=True, kw_only=True)
class Halted:
    """The prediction of each prompt's last point when its loops stopped, and how many they were."""

    predictions: Float[Tensor, " B"]
    loops: Int[Tensor, " B"]


def halting_predictions(
    model: LoopedTransformer, prompts: Prompts, runtime: Runtime, *, most: int, tolerance: float
) -> Halted:
    """Loop until a prompt's residual (see `fixed_point`) falls below the tolerance, or `most` loops are done.

    Tolerance 0 never stops early. The prompts' own points only: placed queries of several prefixes share no state.
    """
    model.eval()
    with torch.no_grad(), runtime.autocast():
        parts = [
            _halt_chunk(model, chunk.to(runtime.device), most=most, tolerance=tolerance) for chunk in chunks(prompts)
        ]
    return Halted(
        predictions=torch.cat([part.predictions for part in parts]), loops=torch.cat([part.loops for part in parts])
    )


def loops_until_settled(residuals: Float[Tensor, "s B"], tolerance: float) -> Int[Tensor, " B"]:
    """The first loop of each prompt whose residual is below the tolerance, else the last one, read off a trace."""
    settled = residuals < tolerance
    settled[-1] = True
    return settled.int().argmax(dim=0) + 1


def _halt_chunk(model: LoopedTransformer, prompts: Prompts, *, most: int, tolerance: float) -> Halted:
    tokens = tokens_up_to_the_last_x(prompts)
    model.check(prompts.xs)
    embedded = model.embed(prompts.xs, prompts.ys)
    state = model.initial_state(embedded)
    running = torch.arange(len(prompts.ys), device=state.device)
    predictions = torch.zeros(len(running), device=state.device)
    spent = torch.zeros_like(running)
    for loop in range(1, most + 1):
        after = model.loop(state, embedded)
        stops = relative_change(state, after, tokens=tokens) < tolerance
        if loop == 1:
            stops = torch.zeros_like(stops)
        if loop == most:
            stops = torch.ones_like(stops)
        predictions[running[stops]] = model.predict(after[stops])[:, -1].float()
        spent[running[stops]] = loop
        if not bool(stops.any()):
            state = after
            continue
        goes_on = ~stops
        running, state, embedded = running[goes_on], after[goes_on], embedded[goes_on]
        if not len(running):
            break
    return Halted(predictions=predictions.cpu(), loops=spent.cpu())
