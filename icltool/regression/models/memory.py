"""How much memory a training step takes: a model of it, as `flops` is one of its operations.

Legend: t tokens, D width, L layers. What the kernels of `--compile` need not keep makes the true figure smaller.
"""

from icltool.regression.models.config import RegressionModelConfig

FLOAT_BYTES = 4
# Of a token in a block, a backward pass wants: two normalised inputs, queries, keys and values, attention's outcome,
# the residual stream twice, four D before and after GELU, and what LayerNorm keeps.
KEPT_A_TOKEN = 17.6
# A weight, its gradient, and two moments of Adam.
NUMBERS_A_WEIGHT = 4


def kept_bytes(config: RegressionModelConfig, *, prompts: int, points: int, with_gradient: int) -> float:
    """What is kept from the forward pass for the backward pass, over the loops that build a graph."""
    tokens = 2 * points
    return FLOAT_BYTES * KEPT_A_TOKEN * prompts * tokens * config.width * config.L * with_gradient


def weight_bytes(config: RegressionModelConfig) -> float:
    """The blocks' weights with their gradients and moments; the embeddings are little beside them."""
    return FLOAT_BYTES * NUMBERS_A_WEIGHT * 12.0 * config.L * config.width**2
