"""Following a model loop by loop: the error of the last point, how far the state still moves, and when to stop.

The residual after loop t is ‖z_t - z_{t-1}‖ / ‖z_{t-1}‖ of a prompt's state, all tokens up to the last x (the token of
the last y is left out: no prediction may know it). It goes to 0 where the loops approach a fixed point. A prompt whose
residual is below a tolerance can halt: it leaves the batch, so that the loops it is spared cost nothing.

Legend: B prompts, n points, t tokens, D width, s loops.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.networks.layers import Tokens
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.in_context import CHUNK, chunks, model_input
from icltool.regression.models.looped import LoopedTransformer

OnLoop = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class LoopTrace:
    """Predictions at every query after the last loop, at the last query after each, and each loop's residual.

    The first loop starts from the neutral state and has no residual: NaN.
    """

    last: Float[Tensor, "B n"]
    by_loop: Float[Tensor, "s B"]
    residuals: Float[Tensor, "s B"]


def trace_loops(
    model: LoopedTransformer,
    prompts: Prompts,
    runtime: Runtime,
    *,
    loops: int,
    on_loop: OnLoop = lambda _done, _all: None,
) -> LoopTrace:
    """Run any number of loops without gradients; memory holds one chunk of states and two numbers a prompt and loop.

    `on_loop` hears after each loop of each chunk how many of how many are done. Raises `InputError` when the prompts do
    not fit the model.
    """
    parts: list[LoopTrace] = []
    model.eval()
    every = math.ceil(len(prompts.ys) / CHUNK) * loops
    with torch.no_grad(), runtime.autocast():
        for index, chunk in enumerate(chunks(prompts)):
            on_chunk_loop = _counted(on_loop, before=index * loops, every=every)
            parts.append(_trace_chunk(model, chunk.to(runtime.device), loops, on_chunk_loop))
    return LoopTrace(
        last=torch.cat([part.last for part in parts]),
        by_loop=torch.cat([part.by_loop for part in parts], dim=1),
        residuals=torch.cat([part.residuals for part in parts], dim=1),
    )


def relative_change(before: Tokens, after: Tokens, *, tokens: int) -> Float[Tensor, " B"]:
    """‖after - before‖ / ‖before‖ over the first tokens of each prompt's state, in float32."""
    old, new = before[:, :tokens].float(), after[:, :tokens].float()
    moved = torch.linalg.vector_norm(new - old, dim=(1, 2))
    return moved / torch.linalg.vector_norm(old, dim=(1, 2))


def tokens_up_to_the_last_x(prompts: Prompts) -> int:
    """How many tokens the residual is taken over."""
    return 2 * prompts.ys.shape[1] - 1


def _trace_chunk(model: LoopedTransformer, prompts: Prompts, loops: int, on_loop: Callable[[int], None]) -> LoopTrace:
    sequence = model_input(prompts)
    model.check(sequence.xs, sequence.layout)
    tokens = tokens_up_to_the_last_x(prompts)
    embedded = model.embed(sequence.xs, sequence.ys)
    state = model.initial_state(embedded)
    predictions: list[Tensor] = []
    residuals: list[Tensor] = []
    found = torch.empty(0)
    for loop in range(1, loops + 1):
        after = model.loop(state, embedded, sequence.layout)
        change = relative_change(state, after, tokens=tokens)
        residuals.append(change if loop > 1 else torch.full_like(change, torch.nan))
        state = after
        found = model.predict(state)
        predictions.append(found[:, -1])
        on_loop(loop)
    return LoopTrace(
        last=found[:, sequence.first_query :].float().cpu(),
        by_loop=torch.stack(predictions).float().cpu(),
        residuals=torch.stack(residuals).cpu(),
    )


def _counted(on_loop: OnLoop, *, before: int, every: int) -> Callable[[int], None]:
    return lambda loop: on_loop(before + loop, every)


@dataclass(frozen=True, kw_only=True)
class Halted:
    """The prediction of each prompt's last point when its loops stopped, and how many they were."""

    predictions: Float[Tensor, " B"]
    loops: Int[Tensor, " B"]


def halting_predictions(
    model: LoopedTransformer, prompts: Prompts, runtime: Runtime, *, most: int, tolerance: float
) -> Halted:
    """Loop until a prompt's residual (see the module) falls below the tolerance, or `most` loops are done.

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
