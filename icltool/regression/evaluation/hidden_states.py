"""A model's hidden states on given prompts, taken by forward hooks, and the scale of their coordinates.

State 0 is the embedding (read_in's output). Then, for one pass, the output of each block, and for several loops the
last block's output in each loop; always before the final LayerNorm. The positional embedding, a constant a token,
is not in the embedding: after pooling it would only move a probe's bias.

Coordinates differ in size by orders of magnitude, and the states of a looped model stand far from zero. A probe's first
map can undo both, so standardising changes what gradient descent finds and not what a probe can say: softmax pooling
weighs tokens with a sum of 1, through which a shift and a factor pass unchanged.

Legend: B prompts, t = 2n tokens, D width, S states, s of them handed over at once.
Source: Yang et al. 2023 (arXiv 2311.12424), section 5.3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from icltool.core.runtime import Runtime
from icltool.regression.data.prompts import Prompts
from icltool.regression.models.looped import LoopedTransformer

# Takes the index of the first state and some states, tokens first. The tensor is overwritten afterwards.
Visit = Callable[[int, Float[Tensor, "s t B D"]], None]
# A coordinate that varies less than this part of its state's root mean square is rounding, not to be blown up.
LEAST_SPREAD = 1e-4


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


class StateScale(NamedTuple):
    """What is taken off each coordinate of each state, and what it is then multiplied by."""

    centre: Float[Tensor, "S D"]
    factor: Float[Tensor, "S D"]

    def standardise_(self, first: int, states: Float[Tensor, "s t B D"]) -> None:
        """Standardise the states from `first` on in place: over tokens and prompts, mean 0 and variance 1."""
        last = first + states.shape[0]
        states.sub_(self.centre[first:last, None, None]).mul_(self.factor[first:last, None, None])


def measure_state_scale(model: LoopedTransformer, prompts: Prompts, runtime: Runtime, *, loops: int) -> StateScale:
    """Each state's scale on these prompts, over all tokens."""
    centres: list[Tensor] = []
    factors: list[Tensor] = []

    def visit(_first: int, states: Tensor) -> None:
        for state in states:
            spread, centre = torch.std_mean(state, (0, 1))
            least = LEAST_SPREAD * state.square().mean().sqrt()
            # A state that is zero everywhere stays so.
            factors.append(1 / spread.clamp_min(least.clamp_min(torch.finfo(torch.float32).tiny)))
            centres.append(centre)

    visit_hidden_states(model, prompts.to(runtime.device), runtime, loops=loops, at_once=1, visit=visit)
    return StateScale(centre=torch.stack(centres), factor=torch.stack(factors))
