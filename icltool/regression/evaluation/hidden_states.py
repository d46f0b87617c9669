"""A model's hidden states on given prompts, taken by forward hooks: the model's code and weights stay untouched.

State 0 is the embedding (read_in's output). Then, for one pass, the output of each block, and for several loops the
last block's output in each loop; always before the final LayerNorm. The positional embedding, a constant a token,
is not in the embedding: after pooling it would only move a probe's bias.

Legend: B prompts, t = 2n tokens, D width, s states handed over at once.
Source: Yang et al. 2023 (arXiv 2311.12424), section 5.3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from icltool.core.runtime import Runtime
from icltool.regression.data.prompts import Prompts
from icltool.regression.models.looped import LoopedTransformer

# Takes the index of the first state and some states, tokens first. The tensor is overwritten afterwards.
Visit = Callable[[int, Float[Tensor, "s t B D"]], None]


@dataclass(frozen=True, kw_only=True)
class HiddenState:
    """Which state it is: its place, and the loop or the layer it follows (neither: the embedding)."""

    index: int
    loop: int | None = None
    layer: int | None = None

    @property
    def name(self) -> str:
        """`embedding`, `loop 3`, `layer 3`."""
        if self.loop is not None:
            return f"loop {self.loop}"
        return "embedding" if self.layer is None else f"layer {self.layer}"


def hidden_states(model: LoopedTransformer, *, loops: int) -> list[HiddenState]:
    """The states of a run of so many loops, in order."""
    if _by_layer(model, loops):
        return [
            HiddenState(index=0),
            *(HiddenState(index=layer + 1, layer=layer + 1) for layer in range(model.config.L)),
        ]
    return [HiddenState(index=0), *(HiddenState(index=loop, loop=loop) for loop in range(1, loops + 1))]


def visit_hidden_states(
    model: LoopedTransformer, prompts: Prompts, runtime: Runtime, *, loops: int, at_once: int, visit: Visit
) -> None:
    """Run the model once and hand its states to `visit`, up to `at_once` of them at a time, in order, in float32.

    Memory is that of `at_once` states, however many there are. `visit` is called without autograd and autocast.
    Raises `InputError` when the prompts do not fit the model.
    """
    total = len(hidden_states(model, loops=loops))
    recorder = _Recorder(total, at_once, visit)
    blocks = model.blocks if _by_layer(model, loops) else model.blocks[-1:]
    hooks = [module.register_forward_hook(recorder) for module in (model.read_in, *blocks)]
    try:
        with torch.no_grad(), runtime.autocast():
            model.check(prompts.xs)
            embedded = model.embed(prompts.xs, prompts.ys)
            state = model.initial_state(embedded)
            # Loop by loop: the model's own forward computes the last block at every x alone.
            for _ in range(loops):
                state = model.loop(state, embedded)
    finally:
        for hook in hooks:
            hook.remove()


def _by_layer(model: LoopedTransformer, loops: int) -> bool:
    """One pass is looked at layer by layer, several loop by loop."""
    return loops == 1 and (model.config.architecture == "standard" or model.config.L > 1)


class _Recorder:
    """Collects the hooked modules' outputs, tokens first, and passes them on when there are enough."""

    def __init__(self, total: int, at_once: int, visit: Visit) -> None:
        self.total = total
        self.at_once = at_once
        self.visit = visit
        self.seen = 0
        self.held: Tensor | None = None

    def __call__(self, _module: nn.Module, _arguments: object, output: Tensor) -> None:
        state = rearrange(output, "B t D -> t B D")
        if self.held is None:
            self.held = state.new_empty((self.at_once, *state.shape), dtype=torch.float32)
        place = self.seen % self.at_once
        self.held[place].copy_(state)
        self.seen += 1
        if place + 1 == self.at_once or self.seen == self.total:
            with torch.autocast(state.device.type, enabled=False):
                self.visit(self.seen - place - 1, self.held[: place + 1])
