"""How many floating-point operations a transformer takes: a model of cost, counted as two a multiply-add.

Legend: t tokens, D width, L layers, b loops. Norms, GELU and softmax are left out; they are a few per cent.
"""

from icltool.regression.models.config import RegressionModelConfig

# A backward pass multiplies twice as much as a forward one: by the weights and by the inputs.
BACKWARD = 2
FLOAT_BYTES = 4
# Of a token in a block, a backward pass wants: two normalised inputs, queries, keys and values, attention's outcome,
# the residual stream twice, four D before and after GELU, and what LayerNorm keeps.
KEPT_A_TOKEN = 17.6
# A weight, its gradient, and two moments of Adam.
NUMBERS_A_WEIGHT = 4


def block_flops(config: RegressionModelConfig, *, tokens: int) -> float:
    """One prompt through the L layers once: projections 8 D², MLP 16 D² a token, attention 4 t D a token."""
    width = config.width
    per_token = (8 + 16) * width**2 + 4 * tokens * width
    return float(config.L * tokens * per_token)


def spared_flops(config: RegressionModelConfig, *, tokens: int) -> float:
    """What the last loop's last block need not do: queries, attention, outputs and MLP at every y."""
    width = config.width
    return float(tokens / 2 * ((4 + 16) * width**2 + 4 * tokens * width))


def forward_flops(
    config: RegressionModelConfig, *, points: int, loops: int, scored: int = 1, whole_states: bool = False
) -> float:
    """One prompt of `points` points through `loops` loops, `scored` of them read out.

    `whole_states`: the last loop's state is wanted at every token too, as by a probe.
    """
    tokens = 2 * points
    read_in = 2 * tokens * config.d * config.width
    read_out = 2 * points * config.width * scored
    spared = 0.0 if whole_states else spared_flops(config, tokens=tokens)
    return read_in + loops * block_flops(config, tokens=tokens) - spared + read_out


def training_flops(config: RegressionModelConfig, *, points: int, loops: int, with_gradient: int, scored: int) -> float:
    """One prompt forward through all loops and backward through those that build a graph."""
    forward = forward_flops(config, points=points, loops=loops, scored=scored)
    return forward + BACKWARD * forward_flops(config, points=points, loops=with_gradient, scored=scored)


def kept_bytes(config: RegressionModelConfig, *, prompts: int, points: int, with_gradient: int) -> float:
    """What is kept from the forward pass for the backward pass, over the loops that build a graph."""
    tokens = 2 * points
    return FLOAT_BYTES * KEPT_A_TOKEN * prompts * tokens * config.width * config.L * with_gradient


def weight_bytes(config: RegressionModelConfig) -> float:
    """The blocks' weights with their gradients and moments; the embeddings are little beside them."""
    return FLOAT_BYTES * NUMBERS_A_WEIGHT * 12.0 * config.L * config.width**2
