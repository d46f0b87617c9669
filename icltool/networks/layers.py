"""The only Attention, MLP and Block: a pre-LayerNorm GPT-2 block, causal, with biases and without dropout.

    x ← x + attention(LN x)
    x ← x + mlp(LN x)

Legend: B batch, t tokens, r tokens computed, D width, H heads, c = D / H channels of a head.
Source: Radford et al. 2019 as used by Garg et al. 2022 and Yang et al. 2023.
"""

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

INIT_STD = 0.02
MLP_RATIO = 4

Tokens = Float[Tensor, "B t D"]
# Row: the token that sees, column: the token seen.
Visible = Bool[Tensor, "t t"]


class Attention(nn.Module):
    """Causal multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(
        self, tokens: Tokens, visible: Visible | None = None, *, rows: slice | None = None
    ) -> Float[Tensor, "B r D"]:
        """Each token's mixture of the values at and before it, or of those `visible` to it.

        With `rows`, of these tokens only; all are still seen.
        """
        if rows is None:
            mixed = rearrange(self.query_key_value(tokens), "B t (three H c) -> three B H t c", three=3, H=self.heads)
            query, key, value = mixed.unbind(0)
        else:
            query, key, value = self._project(tokens, rows)
            visible = _before(tokens.shape[1], tokens.device)[rows] if visible is None else visible[rows]
        heads = scaled_dot_product_attention(query, key, value, attn_mask=visible, is_causal=visible is None)
        return self.output(rearrange(heads, "B H t c -> B t (H c)"))

    def _project(self, tokens: Tokens, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of some tokens, keys and values of all."""
        width = tokens.shape[-1]
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        query = linear(tokens[:, rows], weight[:width], bias[:width])
        both = linear(tokens, weight[width:], bias[width:])
        key, value = rearrange(both, "B t (two H c) -> two B H t c", two=2, H=self.heads)
        return rearrange(query, "B r (H c) -> B H r c", H=self.heads), key, value


class MLP(nn.Module):
    """Two linear maps with a GELU between them, four times as wide inside."""

    def __init__(self, width: int, *, gelu_form: Literal["tanh", "exact"] = "tanh") -> None:
        super().__init__()
        self.approximate = "tanh" if gelu_form == "tanh" else "none"
        self.widen = nn.Linear(width, MLP_RATIO * width)
        self.narrow = nn.Linear(MLP_RATIO * width, width)

    def forward(self, tokens: Float[Tensor, "B r D"]) -> Float[Tensor, "B r D"]:
        """The same map applied to every token."""
        return self.narrow(gelu(self.widen(tokens), approximate=self.approximate))


class Block(nn.Module):
    """One transformer layer."""

    def __init__(self, width: int, heads: int, *, gelu_form: Literal["tanh", "exact"] = "tanh") -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = MLP(width, gelu_form=gelu_form)

    def forward(
        self, tokens: Tokens, visible: Visible | None = None, *, rows: slice | None = None
    ) -> Float[Tensor, "B r D"]:
        """The residual stream after attention and MLP; with `rows`, at these tokens only."""
        stream = tokens if rows is None else tokens[:, rows]
        stream = stream + self.attention(self.attention_norm(tokens), visible, rows=rows)
        return stream + self.mlp(self.mlp_norm(stream))

    def in_order(self) -> list[Tensor]:
        """The 12 weights and biases in the order in which they are used; the compiled kernels take them in this order.

        Of the attention's LayerNorm, query_key_value, output, the MLP's LayerNorm, widen, narrow: weight, then bias.
        """
        attention, mlp = self.attention, self.mlp
        maps = (self.attention_norm, attention.query_key_value, attention.output, self.mlp_norm, mlp.widen, mlp.narrow)
        return [parameter for part in maps for parameter in (part.weight, part.bias)]


def _before(t: int, device: torch.device) -> Visible:
    """The causal mask: a token sees itself and what is before it."""
    return torch.ones(t, t, dtype=torch.bool, device=device).tril()


def initialise_blocks(blocks: nn.ModuleList, generator: Generator) -> None:
    """GPT-2's initialisation: weights N(0, .02²), the two projections into the residual stream .02/√(2L), biases 0."""
    residual_std = INIT_STD / (2 * len(blocks)) ** 0.5
    for block in blocks:
        for name, module in block.named_modules():
            if isinstance(module, nn.Linear):
                into_residual = name.endswith(("attention.output", "mlp.narrow"))
                nn.init.normal_(module.weight, std=residual_std if into_residual else INIT_STD, generator=generator)
                nn.init.zeros_(module.bias)


def initialise_linear(linear: nn.Linear, generator: Generator) -> None:
    """PyTorch's default for a Linear, U(-1/√in, 1/√in) for weight and bias, drawn from a named generator."""
    bound = linear.in_features**-0.5
    nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
    nn.init.uniform_(linear.bias, -bound, bound, generator=generator)
