"""Muon (Jordan et al. 2024): momentum whose update, a matrix, is brought near the closest orthogonal one.

    M ← μ M + (1 - μ) G,   U = NewtonSchulz₅((1 - μ) G + μ M),   W ← (1 - η λ) W - η √max(1, rows/columns) U

The algorithm of `torch.optim.Muon`, in float32 and with all matrices of one shape orthogonalised as one batch: torch's
own goes through them one by one in bfloat16, which costs more than the training step itself on a small model.

Legend: k matrices of a shape, r rows, c columns.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

NEWTON_SCHULZ_STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
EPS = 1e-7


class Muon(torch.optim.Optimizer):
    """Muon over matrices. A parameter that stacks several maps (query, key, value) counts as that many matrices."""

    def __init__(
        self,
        matrices: Sequence[nn.Parameter],
        *,
        stacked: Sequence[int],
        lr: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        """`stacked[i]` says how many maps matrix i stacks along its rows."""
        super().__init__(list(matrices), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._stacked = list(stacked)

    @torch.no_grad()
    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - the loop has no use for a closure
        """Update every matrix from its gradient."""
        group = self.param_groups[0]
        lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
        parameters: list[nn.Parameter] = group["params"]
        updates = self._updates(parameters, momentum)
        for parameter, update in zip(parameters, updates, strict=True):
            if decay:
                parameter.mul_(1 - lr * decay)
            parameter.add_(update, alpha=-lr)

    def _updates(self, parameters: list[nn.Parameter], momentum: float) -> list[Tensor]:
        """The orthogonalised update of each parameter, batched by shape."""
        by_shape: dict[tuple[int, int], list[tuple[int, Tensor]]] = {}
        for index, (parameter, maps) in enumerate(zip(parameters, self._stacked, strict=True)):
            gradient = parameter.grad
            if gradient is None:
                continue
            buffer: Tensor = self.state[parameter].setdefault("momentum_buffer", torch.zeros_like(gradient))
            buffer.lerp_(gradient, 1 - momentum)
            pieces = rearrange(gradient.lerp(buffer, momentum), "(k r) c -> k r c", k=maps)
            by_shape.setdefault((pieces.shape[1], pieces.shape[2]), []).append((index, pieces))
        updates: dict[int, Tensor] = {}
        for (rows, columns), members in by_shape.items():
            directions = orthogonalise(torch.cat([pieces for _, pieces in members]))
            directions *= max(1, rows / columns) ** 0.5
            parts = directions.split([len(pieces) for _, pieces in members])
            for (index, _), part in zip(members, parts, strict=True):
                updates[index] = rearrange(part, "k r c -> (k r) c")
        return [updates[index] for index in range(len(parameters))]


def orthogonalise(matrices: Float[Tensor, "k r c"]) -> Float[Tensor, "k r c"]:
    """Each matrix with its singular values brought near 1 (between about 0.7 and 1.2), by a quintic Newton-Schulz."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + EPS)
    a, b, c = COEFFICIENTS
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.mT if tall else x
