"""The plainest toy ReLU training: dense T x n data, autograd, torch's AdamW with its defaults.

The oracle of the engine's gradients and trajectories, and the baseline of its speed.
"""

import math

import torch
from torch import Tensor


def dense_loss(W: Tensor, b: Tensor, X: Tensor) -> Tensor:
    """(1/T) sum over samples and features of (x - relu(W^T W x + b))^2, for W [m, n], b [n], X [T, n]."""
    hidden = X @ W.T
    return (X - torch.relu(hidden @ W + b)).square().sum() / len(X)


def dense_gradient(W: Tensor, b: Tensor, X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss and its gradients with respect to W [m, n] and b [n]."""
    weights, bias = W.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
    loss = dense_loss(weights, bias, X)
    of_weights, of_bias = torch.autograd.grad(loss, [weights, bias])
    return loss.detach(), of_weights, of_bias


class DenseTrainer:
    """Full-batch AdamW with linear warm-up and cosine decay to zero."""

    def __init__(
        self,
        W: Tensor,
        b: Tensor,
        X: Tensor,
        *,
        steps: int = 50_000,
        peak: float = 1e-3,
        warmup: int = 2_500,
        weight_decay: float = 1e-2,
    ) -> None:
        self.W, self.b = W.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
        self.X = X
        self.optimiser = torch.optim.AdamW([self.W, self.b], lr=peak, weight_decay=weight_decay)

        def factor(updates: int) -> float:
            step = updates + 1
            if step <= warmup:
                return step / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, factor)

    def step(self) -> Tensor:
        """One update; returns the loss before it."""
        self.optimiser.zero_grad()
        loss = dense_loss(self.W, self.b, self.X)
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.detach()


def dense_dimensionality(vectors: Tensor) -> Tensor:
    """D_i = |v_i|^2 / sum_j (v_i/|v_i| . v_j)^2 for vectors [N, m], by the full N x N matrix of products."""
    products = (vectors / vectors.norm(dim=1, keepdim=True)) @ vectors.T
    return vectors.square().sum(1) / products.square().sum(1)
