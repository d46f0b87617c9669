"""Are the tasks what they should be? Moments of the projections, and uniformity of the label permutations.

Legend: B tasks, x inputs, C classes.
"""

from collections.abc import Mapping

import torch
from einops import einsum
from torch import Tensor

from icltool.core.result import Value
from icltool.gpicl.data.task_augmentation import TaskFamily

CHUNK_NUMBERS = 10**7


def task_statistics(family: TaskFamily, tasks: Tensor) -> Mapping[str, Value]:
    """Figures that are 0, 1 or uniform in expectation, over these tasks.

    `projection_mean` and `projection_std`: of the entries of A, times √N_x (0 and 1). `column_length`: mean ‖A e_k‖²
    (1). `column_overlap`: mean of (A e_k)·(A e_l), k ≠ l (0). `permutation_p_value`: the chi-square test that every
    class gets every label equally often (uniform in (0, 1); a small one is suspicious).
    """
    total = torch.zeros(4, dtype=torch.float64)
    counts = torch.zeros(family.classes, family.classes, dtype=torch.float64)
    width = family.inputs
    for chunk in tasks.split(max(1, CHUNK_NUMBERS // width**2)):
        batch = family.batch(chunk)
        entries = batch.projections.double().cpu()
        columns = entries.square().sum(dim=1)
        # Σ_k≠l a_k·a_l = ‖Σ_k a_k‖² - Σ_k ‖a_k‖²
        crossed = einsum(entries, "B row column -> B row").square().sum() - columns.sum()
        total += torch.stack([entries.sum(), entries.square().sum(), columns.sum(), crossed])
        counts += _label_counts(batch.permutations.cpu(), family.classes)
    numbers = len(tasks) * width**2
    mean = float(total[0]) / numbers
    std = (float(total[1]) / numbers - mean**2) ** 0.5
    pairs = len(tasks) * width * max(1, width - 1)
    return {
        "projection_mean": mean * width**0.5,
        "projection_std": std * width**0.5,
        "column_length": float(total[2]) / (len(tasks) * width),
        "column_overlap": float(total[3]) / pairs,
        "permutation_p_value": _uniformity(counts),
    }


def _label_counts(permutations: Tensor, classes: int) -> Tensor:
    counts = torch.zeros(classes, classes, dtype=torch.float64)
    pairs = torch.arange(classes) * classes + permutations
    return (
        counts.view(-1)
        .scatter_add_(0, pairs.flatten(), torch.ones(pairs.numel(), dtype=torch.float64))
        .view(classes, classes)
    )


def _uniformity(counts: Tensor) -> float:
    """The p-value of the table's chi-square; rows and columns have the same sums, so (C - 1)² is free."""
    expected = counts.sum() / counts.numel()
    statistic = ((counts - expected).square() / expected).sum()
    freedom = torch.tensor(float((len(counts) - 1) ** 2), dtype=torch.float64)
    return float(torch.special.gammaincc(freedom / 2, statistic / 2))
