"""Probing (Yang et al. 2023, section 5.3) written as plainly as it can be: one module a probe, trained one by one.

Nothing here is shared with icltool. It is the oracle of the parity tests and the baseline of the speed benchmark.
"""

import torch
from torch import Tensor, nn


class PlainProbe(nn.Module):
    """Softmax-pool the tokens, then Linear, ReLU, Linear; or, with hidden = 0, one Linear."""

    def __init__(self, *, tokens: int, width: int, d: int, hidden: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.randn(tokens))
        if hidden:
            self.net = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, d))
        else:
            self.net = nn.Sequential(nn.Linear(width, d))

    def forward(self, state: Tensor) -> Tensor:
        """The decoded vectors [B, d] of a state [B, tokens, width]."""
        pooled = torch.einsum("t,btd->bd", self.alpha.softmax(dim=0), state)
        return self.net(pooled)


class SequentialProbes:
    """A probe and an optimiser for each (state, target), stepped one after another."""

    def __init__(
        self, *, states: int, targets: int, tokens: int, width: int, d: int, hidden: int = 64, lr: float = 1e-3
    ) -> None:
        self.probes = [
            [PlainProbe(tokens=tokens, width=width, d=d, hidden=hidden) for _ in range(targets)] for _ in range(states)
        ]
        self.optimisers = [[torch.optim.Adam(probe.parameters(), lr=lr) for probe in row] for row in self.probes]

    def step(self, states: list[Tensor], targets: list[Tensor]) -> Tensor:
        """Update every probe once on states [B, tokens, width] and targets [B, d]; errors [states, targets] before."""
        errors = torch.zeros(len(states), len(targets))
        for s, state in enumerate(states):
            for k, target in enumerate(targets):
                loss = ((self.probes[s][k](state) - target) ** 2).mean()
                self.optimisers[s][k].zero_grad()
                loss.backward()
                self.optimisers[s][k].step()
                errors[s, k] = loss.detach()
        return errors
