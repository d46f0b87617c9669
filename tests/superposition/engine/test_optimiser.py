"""The fused AdamW against torch's own optimiser, also where gradients have been zero for long."""

import torch

from icltool.superposition.engine.optimiser import VANISHED, FusedAdamW, WarmupCosine

SETTINGS = WarmupCosine(steps=1000, warmup=10, peak=1e-2)


def test_dropping_vanished_moments_changes_no_weight() -> None:
    """As the engine does it, every 32 steps; the gradients of half the entries end after ten steps."""
    random = torch.Generator().manual_seed(0)
    ours = torch.randn(40, generator=random)
    theirs = ours.clone().requires_grad_()
    fused = FusedAdamW(ours, SETTINGS)
    torchs = torch.optim.AdamW([theirs], lr=1.0, weight_decay=SETTINGS.weight_decay)
    dropped = 0
    for step in range(1, 1001):
        gradient = 1e-3 * torch.randn(40, generator=random)
        if step > 10:
            gradient[:20] = 0
        if step % 32 == 0:
            fused.drop_vanished()
        fused.update(ours, gradient)
        theirs.grad = gradient
        torchs.param_groups[0]["lr"] = SETTINGS.learning_rate(step)
        torchs.step()
        dropped += int((fused.mean == 0).sum())
    assert dropped > 0
    assert not ((fused.mean != 0) & (fused.mean.abs() < VANISHED / 1e3)).any()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(fused.square, torchs.state[theirs]["exp_avg_sq"], rtol=1e-5, atol=1e-30)
