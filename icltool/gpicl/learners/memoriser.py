"""The instance memoriser: an MLP from one projected image to its label, without any context.

    A x_t → (Linear, ReLU) × L → Linear → logits

Trained over a set of tasks it can only store which projected image has which label; on a task it has not seen it
stays at chance. That contrast shows what context is worth.

Legend: B sequences, t positions, x inputs, C classes.
Source: Kirsch et al. 2022 (arXiv 2212.04458), section 4.1 (the MLP of figure 2).
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Generator, Tensor, nn

from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.networks.layers import initialise_linear


class Memoriser(nn.Module):
    """An MLP with `layers` hidden layers, applied to each example by itself."""

    def __init__(
        self, *, inputs: int, classes: int, width: int, layers: int, generator: Generator | None = None
    ) -> None:
        """Weights drawn from `generator`; without one they are torch's own, to be loaded over."""
        super().__init__()
        sizes = [inputs, *([width] * layers)]
        hidden: list[nn.Module] = []
        for before, after in pairwise(sizes):
            hidden += [nn.Linear(before, after), nn.ReLU()]
        self.network = nn.Sequential(*hidden, nn.Linear(sizes[-1], classes))
        if generator is not None:
            for module in self.network:
                if isinstance(module, nn.Linear):
                    initialise_linear(module, generator)

    @property
    def state_size(self) -> int:
        """Nothing is carried from one position to the next."""
        return 0

    def forward(
        self,
        inputs: Float[Tensor, "B t x"],
        previous_labels: Float[Tensor, "B t C"],  # noqa: ARG002 - every learner is called alike
    ) -> Float[Tensor, "B t C"]:
        """Logits of the label of each input, whatever came before it."""
        return self.network(inputs)


def build(config: GpiclModelConfig, *, inputs: int, classes: int, generator: Generator | None) -> Memoriser:
    """The learner of these settings."""
    return Memoriser(inputs=inputs, classes=classes, width=config.width, layers=config.L, generator=generator)
