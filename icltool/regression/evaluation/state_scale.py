"""Mean and spread of each coordinate of each hidden state, by which whoever reads the states can standardise them.

Coordinates differ in size by orders of magnitude, and the states of a looped model stand far from zero. A probe's first
map can undo both, so standardising changes what gradient descent finds and not what a probe can say: softmax pooling
weighs tokens with a sum of 1, through which a shift and a factor pass unchanged.

Legend: S states, t tokens, B prompts, D width.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from icltool.core.runtime import Runtime
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.hidden_states import visit_hidden_states
from icltool.regression.models.looped import LoopedTransformer

# A coordinate that varies less than this part of its state's root mean square is rounding, not to be blown up.
LEAST_SPREAD = 1e-4


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
