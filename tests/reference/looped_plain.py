"""The looped transformer of Yang et al. 2023 written as plainly as it can be, for reading and for comparing with.

Nothing here is shared with icltool. `attention="manual"` spells out the softmax (the oracle of the parity tests);
`"sdpa"` calls torch's fused attention (the baseline of the speed benchmarks).
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int, attention: Literal["manual", "sdpa"]) -> None:
        super().__init__()
        self.heads = heads
        self.kind = attention
        self.ln_1 = nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.mlp_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.ln_1(x))
        return x + self.mlp_proj(gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))

    def attend(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        channels = width // self.heads
        q, k, v = self.c_attn(x).split(width, dim=2)
        q = q.view(batch, tokens, self.heads, channels).transpose(1, 2)
        k = k.view(batch, tokens, self.heads, channels).transpose(1, 2)
        v = v.view(batch, tokens, self.heads, channels).transpose(1, 2)
        if self.kind == "sdpa":
            mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(2, 3) / math.sqrt(channels)
            future = torch.ones(tokens, tokens, dtype=torch.bool).triu(diagonal=1)
            mixed = scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class PlainLooped(nn.Module):
    """z_0 = 0 (add) or 1 (mul); z <- f(z + e) or f(z * e), b times; f = LayerNorm(blocks(. + positions))."""

    def __init__(
        self,
        *,
        d: int,
        points: int,
        width: int,
        heads: int,
        layers: int,
        injection: Literal["add", "mul"] = "add",
        attention: Literal["manual", "sdpa"] = "manual",
    ) -> None:
        super().__init__()
        self.injection = injection
        self.read_in = nn.Linear(d, width)
        self.wpe = nn.Embedding(2 * points, width)
        self.h = nn.ModuleList([PlainBlock(width, heads, attention) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.read_out = nn.Linear(width, 1)

    def forward(self, xs: Tensor, ys: Tensor, *, loops: int, window: int) -> list[Tensor]:
        """Predictions [B, n] of each of the last `window` loops; earlier loops run without gradient."""
        batch, points, d = xs.shape
        y_tokens = torch.zeros(batch, points, d)
        y_tokens[:, :, 0] = ys
        tokens = torch.stack([xs, y_tokens], dim=2).view(batch, 2 * points, d)
        e = self.read_in(tokens)
        z = torch.zeros_like(e) if self.injection == "add" else torch.ones_like(e)
        predictions: list[Tensor] = []
        first_scored = max(1, loops - window + 1)
        for loop in range(1, loops + 1):
            if loop < first_scored:
                with torch.no_grad():
                    z = self.f(z, e)
            else:
                z = self.f(z, e)
                predictions.append(self.read_out(z)[:, 0::2, 0])
        return predictions

    def f(self, z: Tensor, e: Tensor) -> Tensor:
        x = z + e if self.injection == "add" else z * e
        x = x + self.wpe.weight[: x.shape[1]]
        for block in self.h:
            x = block(x)
        return self.ln_f(x)


def windowed_loss(predictions: list[Tensor], ys: Tensor) -> Tensor:
    """Mean over the window, the prompts and the points of the squared error."""
    return sum(((prediction - ys) ** 2).mean() for prediction in predictions) / len(predictions)  # pyright: ignore[reportReturnType] - a sum of tensors is a tensor


NAMES = {
    "read_in": "read_in",
    "read_out": "read_out",
    "positions": "wpe",
    "final_norm": "ln_f",
    "attention_norm": "ln_1",
    "attention.query_key_value": "c_attn",
    "attention.output": "c_proj",
    "mlp_norm": "ln_2",
    "mlp.widen": "c_fc",
    "mlp.narrow": "mlp_proj",
    "blocks": "h",
}


def plain_name(name: str) -> str:
    """The plain model's name of one of our parameters."""
    for ours, plain in NAMES.items():
        name = name.replace(ours, plain)
    return name
