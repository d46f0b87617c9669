"""How many floating-point operations the in-context learners of GPICL take, counted as two a multiply-add.

Only matrix products count: left out are norms, squashings and, in the recurrent learners, what is done
number by number: an LSTM's gates (some 10 D a layer and example), the cell matrices of the outer-product LSTM (16 D²/H,
forward and backward), and the gates of VSML's cells (some 30 N a cell).

Legend: t examples of a sequence, x inputs, C classes, D width, L layers, H heads; N state, M message, K numbers read by
a cell of VSML; S inner steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pkgutil import resolve_name

from icltool.gpicl.learners.config import MESSAGE, GpiclModelConfig


@dataclass(frozen=True, kw_only=True)
class Products:
    """The operations of a sequence's forward pass, by which of a product's two factors a gradient is asked for."""

    both: int = 0
    one: int = 0
    none: int = 0
    again: int = 0
    """Of these, what a backward pass computes a second time instead of keeping it."""

    @property
    def forward(self) -> int:
        """One sequence forward."""
        return self.both + self.one + self.none

    @property
    def training(self) -> int:
        """One sequence forward and backward: a product more for each gradient."""
        return 3 * self.both + 2 * self.one + self.none + self.again


def projection_flops(context: int, *, inputs: int) -> int:
    """What a task makes of a sequence's images, A x of each."""
    return 2 * context * inputs**2


def learner_products(config: GpiclModelConfig, *, context: int, inputs: int, classes: int) -> Products:
    """The products of one sequence of `context` examples through the learner."""
    return resolve_name(config.kind.products)(config, context, inputs=inputs, classes=classes)


def fitted_products(config: GpiclModelConfig, t: int, *, inputs: int, classes: int) -> Products:
    """An MLP fitted at every place of the sequence."""
    return descent_products(t, width=config.width, steps=config.inner_steps, inputs=inputs, classes=classes, places=t)


def descent_products(
    context: int, *, width: int, steps: int, inputs: int, classes: int, places: int, readings: int = 1
) -> Products:
    """An MLP of `width` hidden units fitted by S steps at each of so many places of a sequence (`context_mlp`).

    The inner products of all examples 2 t² x and the start's sums 2 t x D are shared; the first step is taken once for
    all places, in every other the fitted first layer takes 2 t² D a place; then three products of 2 t D C.
    """
    t, p, layer = context, places, 2 * context * width * classes
    # Scores and slopes, and the new outer layer, which is each place's own from the first step on.
    first, later = 2 * layer + p * layer, 3 * p * layer
    read = 2 * p * width * classes
    moved = 2 * p * t * width
    return Products(
        both=first + (steps - 1) * later + readings * read,
        one=2 * t * inputs * width + (steps - 1) * 2 * p * t * t * width + readings * moved,
        none=2 * t * t * inputs,
    )


def transformer_products(config: GpiclModelConfig, t: int, *, inputs: int, classes: int) -> Products:
    """Every loop: L blocks of projections 8 D² and an MLP of 16 D², attention 4 t D an example."""
    width = config.width
    blocks = config.loops * config.L * t * (24 * width**2 + 4 * t * width)
    return Products(both=blocks + 2 * t * width * classes, one=2 * t * (inputs + classes) * width)


def lstm_products(config: GpiclModelConfig, t: int, *, inputs: int, classes: int) -> Products:
    """Four gates a layer, of its input and of its state."""
    width = config.width
    square = 2 * t * 4 * width * width
    layers = (2 * config.L - 1) * square
    return Products(both=layers + 2 * t * width * classes, one=2 * t * 4 * width * (inputs + classes))


def outer_product_lstm_products(config: GpiclModelConfig, t: int, *, inputs: int, classes: int) -> Products:
    """4 D + 2 H gates a layer, of its input and of its state."""
    width = config.width
    gates = 4 * width + 2 * config.heads
    layers = (2 * config.L - 1) * 2 * t * gates * width
    return Products(both=layers + 2 * t * width * classes, one=2 * t * gates * (inputs + classes))


def vsml_products(config: GpiclModelConfig, t: int, *, inputs: int, classes: int) -> Products:
    """4 N gates of K numbers in every cell, twice in the backward pass; messages of M numbers from N a neuron."""
    state = config.cell_state
    sizes = [inputs, *([config.width] * (config.L - 1)), classes]
    cells = 2 * t * sum(below * above for below, above in pairwise(sizes)) * 4 * state * (state + 2 * MESSAGE + 1)
    # Forward to every neuron above the inputs, backward to every hidden one.
    neurons = sum(sizes[1:]) + sum(sizes[1:-1])
    return Products(both=cells + 2 * t * neurons * MESSAGE * state, again=cells)


def memoriser_products(config: GpiclModelConfig, t: int, *, inputs: int, classes: int) -> Products:
    """L hidden layers, each example by itself."""
    sizes = [config.width] * config.L + [classes]
    return Products(both=2 * t * _chain(sizes), one=2 * t * inputs * config.width)


def _chain(sizes: Sequence[int]) -> int:
    return sum(before * after for before, after in pairwise(sizes))
