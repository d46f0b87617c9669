"""VSML of Kirsch & Schmidhuber 2021 one sequence, one cell at a time; shares nothing with icltool."""

import torch
from torch import Tensor


def lstm_cell(read: Tensor, cell: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(h, c) after one step of the LSTM whose rows are i, f, o, g."""
    i, f, o, g = (weight @ read).chunk(4)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def vsml_logits(
    inputs: Tensor,
    previous_labels: Tensor,
    starts: list[Tensor],
    *,
    weight: Tensor,
    forward_message: Tensor,
    backward_message: Tensor,
) -> Tensor:
    """Logits [t, C] of one sequence: inputs [t, x], labels one-hot and a step late; starts: each layer's c [N A E]."""
    messages = len(forward_message)
    one = torch.ones(1, dtype=inputs.dtype)
    hidden = [[[torch.zeros_like(start[:, 0, 0])] * start.shape[2] for _ in range(start.shape[1])] for start in starts]
    cells = [[[start[:, a, e] for e in range(start.shape[2])] for a in range(start.shape[1])] for start in starts]
    from_above = [[torch.zeros(messages, dtype=inputs.dtype)] * start.shape[2] for start in starts]
    logits: list[Tensor] = []
    for step, (x, y) in enumerate(zip(inputs, previous_labels, strict=True)):
        error = torch.softmax(logits[-1], dim=0) - y if step > 0 else torch.zeros_like(y)
        from_above[-1] = [torch.tensor([0.0] * messages, dtype=inputs.dtype) for _ in y]
        for e in range(len(y)):
            from_above[-1][e] = torch.cat([error[e : e + 1], y[e : e + 1], from_above[-1][e][2:]])
        from_below = [torch.cat([value[None], torch.zeros(messages - 1, dtype=inputs.dtype)]) for value in x]
        for layer, start in enumerate(starts):
            _, below, above = start.shape
            for a in range(below):
                for e in range(above):
                    read = torch.cat([hidden[layer][a][e], from_below[a], from_above[layer][e], one])
                    hidden[layer][a][e], cells[layer][a][e] = lstm_cell(read, cells[layer][a][e], weight)
            sent_up = [
                torch.stack([forward_message @ torch.cat([hidden[layer][a][e], one]) for a in range(below)]).mean(0)
                for e in range(above)
            ]
            if layer > 0:
                from_above[layer - 1] = [
                    torch.stack([backward_message @ torch.cat([hidden[layer][a][e], one]) for e in range(above)]).mean(
                        0
                    )
                    for a in range(below)
                ]
            from_below = sent_up
        logits.append(torch.stack([message[0] for message in from_below]))
    return torch.stack(logits)
