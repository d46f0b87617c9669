"""The LSTM as an in-context learner: tokens [A x_t, onehot(y_{t-1})] in, logits of y_t out at every position.

    i, f, g, o = W [token_t, h] + b
    c ← σ(f) ⊙ c + σ(i) ⊙ tanh(g)
    h = σ(o) ⊙ tanh(c)

The recurrence is torch's own, which runs all positions in one fused call (oneDNN on the CPU, cuDNN on CUDA). On the CPU
it stays in float32 under `--precision bf16`: oneDNN has a bf16 LSTM for some processors alone, and torch 2.13 asks for
it on others too, which is an error there.

Legend: B sequences, t positions, x inputs, C classes, D width.
Source: Hochreiter & Schmidhuber 1997; as a baseline Kirsch et al. 2022 (arXiv 2212.04458), section 4.2.
"""

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.networks.layers import initialise_linear

FORGET_BIAS = 1.0


class LSTM(nn.Module):
    """A stack of LSTM layers of one width and a linear read-out."""

    def __init__(
        self, *, inputs: int, classes: int, width: int, layers: int, generator: Generator | None = None
    ) -> None:
        """Weights drawn from `generator`; without one they are torch's own, to be loaded over."""
        super().__init__()
        self.recurrence = nn.LSTM(inputs + classes, width, num_layers=layers, batch_first=True)
        self.read_out = nn.Linear(width, classes)
        if generator is not None:
            self._initialise(generator)

    @property
    def state_size(self) -> int:
        """Numbers carried from one position to the next: c and h of every layer, 2 D L."""
        return 2 * self.recurrence.hidden_size * self.recurrence.num_layers

    def forward(
        self, inputs: Float[Tensor, "B t x"], previous_labels: Float[Tensor, "B t C"]
    ) -> Float[Tensor, "B t C"]:
        """Logits of the label at every position, from the inputs up to it and the labels before it."""
        tokens = torch.cat([inputs, previous_labels], dim=-1)
        with torch.autocast("cpu", enabled=False):  # autocast of other devices stays as it is
            hidden, _ = self.recurrence(tokens)
        return self.read_out(hidden)

    def _initialise(self, generator: Generator) -> None:
        """U(-1/√D, 1/√D) as torch has it, except that the gates start out remembering (Jozefowicz et al. 2015)."""
        width = self.recurrence.hidden_size
        for name, parameter in self.recurrence.named_parameters():
            nn.init.uniform_(parameter, -(width**-0.5), width**-0.5, generator=generator)
            if name.startswith("bias_ih"):
                # torch lays the gates out as i, f, g, o, and adds two biases; one of them carries the offset.
                with torch.no_grad():
                    parameter[width : 2 * width] += FORGET_BIAS
        initialise_linear(self.read_out, generator)


def build(config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None) -> LSTM:
    """The learner of these settings."""
    return LSTM(inputs=inputs, classes=classes, width=config.width, layers=config.L, generator=generator)
