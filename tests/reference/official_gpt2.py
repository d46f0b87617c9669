"""The two official in-context transformers written plainly, with the official parameter names.

`layout="looped_transformer"` (nanoGPT's): Linear weights [out, in] under `_backbone.transformer.`, 2n + 1 positions.
`layout="in-context-learning"` (Hugging Face GPT-2's): Conv1D weights [in, out] under `_backbone.`, an unused token
embedding and two buffers a layer. Nothing here is shared with icltool.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

Layout = Literal["looped_transformer", "in-context-learning"]


class Conv1D(nn.Module):
    """A linear map whose weight is stored [in, out]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def linear(layout: Layout, inputs: int, outputs: int) -> nn.Module:
    return nn.Linear(inputs, outputs) if layout == "looped_transformer" else Conv1D(inputs, outputs)


class OfficialAttention(nn.Module):
    def __init__(self, layout: Layout, width: int, heads: int, positions: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = linear(layout, width, 3 * width)
        self.c_proj = linear(layout, width, width)
        if layout == "in-context-learning":
            allowed = torch.ones(positions, positions, dtype=torch.uint8).tril()
            self.register_buffer("bias", allowed.view(1, 1, positions, positions))
            self.register_buffer("masked_bias", torch.tensor(-1e4))

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        channels = width // self.heads
        queries, keys, values = (
            part.reshape(batch, tokens, self.heads, channels).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        scores = queries @ keys.transpose(2, 3) / math.sqrt(channels)
        future = torch.ones(tokens, tokens, dtype=torch.bool).triu(diagonal=1)
        mixed = scores.masked_fill(future, -math.inf).softmax(dim=-1) @ values
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class OfficialMLP(nn.Module):
    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        self.c_fc = linear(layout, width, 4 * width)
        self.c_proj = linear(layout, 4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.c_fc(x)
        tanh_gelu = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
        return self.c_proj(tanh_gelu)


class OfficialBlock(nn.Module):
    def __init__(self, layout: Layout, width: int, heads: int, positions: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-5)
        self.attn = OfficialAttention(layout, width, heads, positions)
        self.ln_2 = nn.LayerNorm(width, eps=1e-5)
        self.mlp = OfficialMLP(layout, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    def __init__(self, layout: Layout, width: int, heads: int, layers: int, positions: int) -> None:
        super().__init__()
        if layout == "in-context-learning":
            self.wte = nn.Embedding(11, width)
        self.wpe = nn.Embedding(positions, width)
        self.h = nn.ModuleList([OfficialBlock(layout, width, heads, positions) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width, eps=1e-5)

    def forward(self, embeddings: Tensor) -> Tensor:
        x = embeddings + self.wpe.weight[: embeddings.shape[1]]
        for block in self.h:
            x = block(x)
        return self.ln_f(x)


class OneLevelDown(nn.Module):
    """nanoGPT keeps its parts in a `transformer`."""

    def __init__(self, transformer: GPT2) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.transformer(embeddings)


class OfficialModel(nn.Module):
    """Every parameter is drawn at random, biases and norms too, so that a wrong mapping shows."""

    def __init__(
        self, layout: Layout, *, d: int, width: int, heads: int, layers: int, positions: int, seed: int = 0
    ) -> None:
        super().__init__()
        self._read_in = nn.Linear(d, width)
        backbone = GPT2(layout, width, heads, layers, positions)
        self._backbone = OneLevelDown(backbone) if layout == "looped_transformer" else backbone
        self._read_out = nn.Linear(width, 1)
        random = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=random)

    @torch.no_grad()
    def forward(
        self, xs: Tensor, ys: Tensor, *, loops: int | None = None, injection: Literal["add", "mul"] = "add"
    ) -> Tensor:
        """Predictions [loops, B, n] of the looped model, or [1, B, n] of the standard one (loops=None)."""
        batch, points, d = xs.shape
        y_tokens = torch.cat([ys.view(batch, points, 1), torch.zeros(batch, points, d - 1)], dim=2)
        e = self._read_in(torch.stack([xs, y_tokens], dim=2).view(batch, 2 * points, d))
        if loops is None:
            return self._read_out(self._backbone(e))[None, :, 0::2, 0]
        z = torch.zeros_like(e) if injection == "add" else torch.ones_like(e)
        predictions: list[Tensor] = []
        for _ in range(loops):
            z = self._backbone(z + e if injection == "add" else z * e)
            predictions.append(self._read_out(z)[:, 0::2, 0])
        return torch.stack(predictions)
