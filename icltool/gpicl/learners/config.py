"""Every learner that learns in context, and the architecture of one, as stored in its checkpoint's header."""

from dataclasses import dataclass
from typing import Literal

from pydantic import model_validator

from icltool.core.config import setting
from icltool.gpicl.data.config import SequenceConfig

GROUP = "Learner"
# Numbers of a message between the neurons of vsml; its source's default.
MESSAGE = 8


@dataclass(frozen=True, kw_only=True)
class LearnerKind:
    """How a learner is made and what it costs. `build` and `products` are imported when they are needed.

    `build`: "module:function" from (config, *, inputs, classes, generator) to an `nn.Module`. `products`:
    "module:function" from (config, context, *, inputs, classes) to the `Products` of one sequence. `core_rate`: the
    floating-point operations a second that its training reaches on one core. `splits_width`: its heads divide the
    width. `trains`: meta-training changes it. `compiles`: the compiled kernels know it.
    """

    build: str
    products: str
    core_rate: float
    splits_width: bool = False
    trains: bool = True
    compiles: bool = False


_HERE = "icltool.gpicl.learners"
# Rates of one core of an AMD EPYC, torch 2.13, at the paper's width and context, in CPU time, beside other work: VSML's
# and MAML's from sequences by eights; the LSTMs' from what their steps take more than a memoriser's. The transformer's
# and the memoriser's are those of `icltool.sweep.cost`, not measured.
LEARNERS: dict[str, LearnerKind] = {
    "transformer": LearnerKind(
        build=f"{_HERE}.transformer:build",
        products=f"{_HERE}.cost:transformer_products",
        core_rate=1e11,
        splits_width=True,
        compiles=True,
    ),
    "lstm": LearnerKind(build=f"{_HERE}.lstm:build", products=f"{_HERE}.cost:lstm_products", core_rate=2.7e10),
    "op-lstm": LearnerKind(
        build=f"{_HERE}.outer_product_lstm:build",
        products=f"{_HERE}.cost:outer_product_lstm_products",
        core_rate=2.7e10,
        splits_width=True,
    ),
    "vsml": LearnerKind(build=f"{_HERE}.vsml:build", products=f"{_HERE}.cost:vsml_products", core_rate=1.6e10),
    "mlp": LearnerKind(build=f"{_HERE}.memoriser:build", products=f"{_HERE}.cost:memoriser_products", core_rate=1e11),
    "sgd": LearnerKind(
        build=f"{_HERE}.context_mlp:build_sgd",
        products=f"{_HERE}.cost:fitted_products",
        core_rate=2.3e10,
        trains=False,
    ),
    "maml": LearnerKind(
        build=f"{_HERE}.context_mlp:build_maml", products=f"{_HERE}.cost:fitted_products", core_rate=2.3e10
    ),
}


class GpiclModelConfig(SequenceConfig):
    """Which learner, and how large (Kirsch et al. 2022, section 4)."""

    learner: str = setting("transformer", "What learns from the examples of a sequence.", group=GROUP, choices=LEARNERS)
    L: int = setting(2, "Layers.", group=GROUP, ge=1, le=512)
    width: int = setting(64, "Width D of the hidden state.", group=GROUP, ge=1, le=65_536)
    heads: int = setting(4, "Attention heads, or memory matrices of the op-lstm; divides the width.", group=GROUP, ge=1)
    loops: int = setting(
        1, "Times the transformer's layers are applied (its input enters each time).", group=GROUP, ge=1
    )
    positions: Literal["learned", "none"] = setting("learned", "The transformer's positional embedding.", group=GROUP)
    cell_state: int = setting(
        16, "State of each of vsml's cells; its width is the number of hidden neurons.", group=GROUP, ge=2, le=1024
    )
    inner_steps: int = setting(1, "Gradient steps on the context, for maml and sgd.", group=GROUP, ge=1, le=100_000)
    inner_step_size: float = setting(
        0.1, "Size of such a step: where maml's learned sizes start, and sgd's.", group=GROUP, gt=0
    )

    @model_validator(mode="after")
    def _check_heads(self) -> "GpiclModelConfig":
        if self.kind.splits_width and self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}; choose a divisor of it")
        return self

    @property
    def kind(self) -> LearnerKind:
        """How the learner is made and what it costs."""
        return LEARNERS[self.learner]

    @property
    def label(self) -> str:
        """What a figure's legend calls the learner: `transformer L=2 D=64`."""
        loops = f" loops={self.loops}" if self.loops > 1 else ""
        return f"{self.learner} L={self.L} D={self.width}{loops}"
