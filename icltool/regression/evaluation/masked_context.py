"""The error at the query when only n of a prompt's pairs are kept, in the recurrent state or in the prompt itself.

A mask keeps the first or the last n pairs (x_i, y_i), the query's own being the last of all N. In the state the
injected prompt stays whole and the other tokens of every previous state are set to the injection's neutral value, so
that n = 0 is one application of f to the prompt and n = N the unmasked model. In the prompt the other pairs are zero,
and the query's x always stays.

Legend: B prompts, N points (n of them kept), d dimensions, t = 2N tokens, k masks, s scored loops, R = B k rows.
Source: report 001 (masked recurrent state).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.in_context import CHUNK
from icltool.regression.models.loop_plan import LoopPlan
from icltool.regression.models.looped import LoopedTransformer

Keep = Literal["first", "last"]
Scope = Literal["state", "input"]
PairMasks = Bool[Tensor, "k N"]
OnChunk = Callable[[int, int], None]


def pair_masks(points: int, keep: Keep) -> PairMasks:
    """N + 1 masks: row n keeps the first or last n pairs (True), n = 0 ... N."""
    place = torch.arange(points)
    kept = rearrange(torch.arange(points + 1), "k -> k 1")
    return place < kept if keep == "first" else place >= points - kept


def masked_query_errors(
    model: LoopedTransformer,
    prompts: Prompts,
    masks: PairMasks,
    runtime: Runtime,
    *,
    loops: Sequence[int],
    scope: Scope,
    scale: float,
    on_chunk: OnChunk = lambda _done, _chunks: None,
) -> Float[Tensor, "s k B"]:
    """Squared error of the last point divided by `scale`, after each of the `loops` (ascending) under each mask.

    All the masks of several prompts run as one batch of at most `CHUNK` rows; `on_chunk` hears, first of all
    and after each batch, how many of how many are done.
    """
    plan = LoopPlan(loops=loops[-1], scored=tuple(loops), with_gradient=frozenset())
    prompt_chunks = torch.arange(len(prompts.ys)).split(max(1, CHUNK // len(masks)))
    mask_chunks = torch.arange(len(masks)).split(CHUNK)
    errors = torch.empty(len(loops), len(masks), len(prompts.ys))
    model.eval()
    done, chunks = 0, len(prompt_chunks) * len(mask_chunks)
    on_chunk(done, chunks)
    with torch.no_grad(), runtime.autocast():
        for rows in prompt_chunks:
            part = Prompts(xs=prompts.xs[rows], ys=prompts.ys[rows]).to(runtime.device)
            for columns in mask_chunks:
                found = _masked_predictions(model, part, masks[columns].to(runtime.device), plan, scope=scope)
                truth = prompts.ys[rows, -1]
                errors[:, columns[:, None], rows] = (found.float().cpu() - truth).square() / scale
                done += 1
                on_chunk(done, chunks)
    return errors


def _masked_predictions(
    model: LoopedTransformer, prompts: Prompts, masks: PairMasks, plan: LoopPlan, *, scope: Scope
) -> Float[Tensor, "s k B"]:
    """Predictions at the query, every prompt under every mask in one batch."""
    k, batch = len(masks), len(prompts.ys)
    xs, ys = repeat(prompts.xs, "B N d -> (k B) N d", k=k), repeat(prompts.ys, "B N -> (k B) N", k=k)
    kept = repeat(masks, "k N -> (k B) N", B=batch)
    if scope == "state":
        plan = replace(plan, state_keep=repeat(kept, "R N -> R (N two)", two=2))
    else:
        kept_x = kept.clone()
        kept_x[:, -1] = True
        xs, ys = torch.where(rearrange(kept_x, "R N -> R N 1"), xs, 0.0), torch.where(kept, ys, 0.0)
    return rearrange(model(xs, ys, plan)[:, :, -1], "s (k B) -> s k B", k=k)
