"""Our batched float32 Muon against torch's, and its orthogonalisation against the singular values."""

import pytest
import torch
from torch import nn

from icltool.training.muon import Muon, orthogonalise

SHAPES = [(16, 16), (64, 16), (16, 64), (16, 16)]


def matrices(seed: int) -> list[nn.Parameter]:
    random = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=random)) for shape in SHAPES]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_update_is_torchs(decay: float) -> None:
    ours, theirs = matrices(0), matrices(0)
    batched = Muon(ours, stacked=[1] * 4, lr=0.02, momentum=0.95, weight_decay=decay)
    torchs = torch.optim.Muon(theirs, lr=0.02, momentum=0.95, weight_decay=decay)
    random = torch.Generator().manual_seed(1)
    for _ in range(5):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape, generator=random)
            other.grad = mine.grad.clone()
        batched.step()
        torchs.step()
    for mine, other, start in zip(ours, theirs, matrices(0), strict=True):
        moved = (other - start).norm()
        # torch orthogonalises in bfloat16: a rounding of 2^-8 in each of five Newton-Schulz steps.
        assert float(((mine - other).norm() / moved).detach()) < 2**-6


def test_stacked_maps_are_orthogonalised_apart() -> None:
    whole = nn.Parameter(torch.zeros(48, 16))
    parts = [nn.Parameter(torch.zeros(16, 16)) for _ in range(3)]
    whole.grad = torch.randn(48, 16, generator=torch.Generator().manual_seed(0))
    for part, gradient in zip(parts, whole.grad.split(16), strict=True):
        part.grad = gradient.clone()
    Muon([whole], stacked=[3], lr=0.1, momentum=0.9, weight_decay=0.0).step()
    Muon(parts, stacked=[1, 1, 1], lr=0.1, momentum=0.9, weight_decay=0.0).step()
    torch.testing.assert_close(whole.detach(), torch.cat([part.detach() for part in parts]))


def test_singular_values_come_near_one_and_directions_stay() -> None:
    batch = torch.randn(5, 24, 40, generator=torch.Generator().manual_seed(0))
    result = orthogonalise(batch)
    values = torch.linalg.svdvals(result)
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.3
    left, _, right = torch.linalg.svd(batch, full_matrices=False)
    aligned = left.mT @ result @ right.mT
    off_diagonal = aligned - torch.diag_embed(aligned.diagonal(dim1=1, dim2=2))
    assert float(off_diagonal.abs().max()) < 1e-3
    torch.testing.assert_close(orthogonalise(batch.mT), result.mT, atol=1e-4, rtol=0)
