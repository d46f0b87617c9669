"""How many features of some samples are active, in expectation: known before they are drawn, and without PyTorch."""

import math

from icltool.core.errors import UsageError


def expected_nonzeros(T: int, *, n: int, sparsity: float) -> float:
    """The mean number of non-zeros of T samples, to judge memory (16 bytes each) before drawing them."""
    check_sizes(T, n=n, sparsity=sparsity)
    # 1 - S^n, the share of samples that are not redrawn, without cancellation when S is close to 1.
    kept = -math.expm1(n * math.log(sparsity)) if sparsity > 0 else 1.0
    return T * n * (1 - sparsity) / kept


def check_sizes(T: int, *, n: int, sparsity: float) -> None:
    """Raise `UsageError` for sizes that no samples have."""
    if T < 1:
        raise UsageError(f"T = {T} samples: at least one is needed")
    if n < 1:
        raise UsageError(f"n = {n} features: at least one is needed")
    if not 0 <= sparsity < 1:
        raise UsageError(f"sparsity {sparsity} is outside [0, 1): 0 keeps every feature active")
