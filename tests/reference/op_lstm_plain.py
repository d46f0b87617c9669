"""The outer-product LSTM of Kirsch et al. 2022 by sequence, step and head; shares nothing with icltool."""

import torch
from torch import Tensor


def op_lstm_layer(
    tokens: Tensor, of_input: Tensor, bias: Tensor, of_hidden: Tensor, *, width: int, heads: int
) -> Tensor:
    """Hidden states [t, D] of one sequence [t, inputs]; the weights' rows are o, f, i, q, k, v."""
    side = width // heads
    hidden = torch.zeros(width, dtype=tokens.dtype)
    cells = [torch.zeros(side, side, dtype=tokens.dtype) for _ in range(heads)]
    outputs: list[Tensor] = []
    for token in tokens:
        o, f, i, q, k, v = (of_input @ token + bias + of_hidden @ hidden).split(
            [width, heads, heads, width, width, width]
        )
        parts: list[Tensor] = []
        for head in range(heads):
            mine = slice(head * side, (head + 1) * side)
            cells[head] = torch.sigmoid(f[head]) * cells[head] + torch.sigmoid(i[head]) * torch.outer(k[mine], v[mine])
            parts.append(torch.sigmoid(o[mine]) * torch.tanh(cells[head].T @ q[mine]))
        hidden = torch.cat(parts)
        outputs.append(hidden)
    return torch.stack(outputs)
