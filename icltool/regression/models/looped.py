"""The one core model: a block of L transformer layers applied over and over to a state.

    e     = read_in(tokens of the prompt)
    z_0   = 0  (add) | 1 (mul) | e (standard, tied)
    z_t   = f(z_{t-1} + e)  |  f(z_{t-1} ⊙ e)  |  f(z_{t-1})
    f     = final LayerNorm ∘ L blocks ∘ (+ positional embedding)
    ŷ_i   = read_out(z_t at the token of x_i)

A standard transformer is one pass of f over e; a tied one repeats it. The tokens are x_1, (y_1, 0, ..., 0), x_2, ...;
attention is causal, so one pass predicts every prefix.

Legend: B prompts, n points, d dimensions, t = 2n tokens, D width, s scored loops.
Source: Yang et al. 2023 (arXiv 2311.12424), section 4 and appendix B.
"""

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn.functional import pad

from icltool.core.errors import InputError
from icltool.networks.layers import Tokens
from icltool.networks.loop import LoopedBlocks, TokenLayout
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import LoopPlan

# x_1, x_2, ... among the tokens.
AT_X = slice(0, None, 2)


class LoopedTransformer(LoopedBlocks):
    """A transformer that predicts y at every x of a prompt, at every scored loop."""

    def __init__(self, config: RegressionModelConfig, *, generator: Generator | None = None) -> None:
        """Weights drawn from `generator`; without one they stay uninitialised, to be loaded."""
        super().__init__(
            inputs=config.d,
            outputs=1,
            width=config.width,
            heads=config.heads,
            layers=config.L,
            positions=2 * config.n if config.positions == "learned" else 0,
            injection=config.injection if config.architecture == "looped" else "none",
            gelu=config.gelu,
            final_norm=config.final_norm,
            generator=generator,
        )
        self.config = config

    def forward(self, xs: Float[Tensor, "B n d"], ys: Float[Tensor, "B n"], plan: LoopPlan) -> Float[Tensor, "s B n"]:
        """Predictions of y at every x, for each scored loop of the plan.

        The prediction at point i sees the points before i and x_i only. Raises `InputError` when the prompt does not
        fit the model.
        """
        self.check(xs, plan.layout)
        prompt = self.embed(xs, ys)
        if self.kernels is not None:
            # They compute in float32 between the products; autocast's read_in gives bf16, to be converted every loop.
            prompt = prompt.float()
        state = self.initial_state(prompt)
        predictions: list[Tensor] = []
        graph_wanted = torch.is_grad_enabled()
        for loop in range(1, plan.loops + 1):
            with torch.set_grad_enabled(graph_wanted and loop in plan.with_gradient):
                if plan.state_keep is not None:
                    state = self._mask(state, plan.state_keep)
                if loop < plan.loops:
                    state = self.loop(state, prompt, plan.layout)
                    if loop in plan.scored:
                        predictions.append(self.predict(state))
                elif loop in plan.scored:
                    # This state is needed at x only.
                    predictions.append(self._read(self.loop(state, prompt, plan.layout, step=AT_X.step)))
        return torch.stack(predictions)

    def embed(self, xs: Float[Tensor, "B n d"], ys: Float[Tensor, "B n"]) -> Tokens:
        """The prompt's tokens x_1, y_1, x_2, y_2, ... after read_in; y is a token (y, 0, ..., 0)."""
        y_tokens = pad(rearrange(ys, "B n -> B n 1"), (0, xs.shape[-1] - 1))
        tokens = rearrange([xs, y_tokens], "two B n d -> B (n two) d")
        return self.read_in(tokens)

    def predict(self, state: Tokens) -> Float[Tensor, "B n"]:
        """ŷ at every x, read out of a state."""
        return self._read(state[:, AT_X])

    def _read(self, at_x: Float[Tensor, "B n D"]) -> Float[Tensor, "B n"]:
        return rearrange(self.read_out(at_x), "B n 1 -> B n")

    def _mask(self, state: Tokens, keep: Bool[Tensor, "_ t"]) -> Tokens:
        return torch.where(repeat(keep, "B t -> B t 1"), state, 1.0 if self.injection == "mul" else 0.0)

    def check(self, xs: Float[Tensor, "B n d"], layout: TokenLayout | None = None) -> None:
        """Raise `InputError` when prompts of this size do not fit the model."""
        _, n, d = xs.shape
        if layout is not None:
            n = (int(layout.places.max()) + 2) // 2
        if d != self.config.d:
            raise InputError(f"the prompts have {d} dimensions, the model takes {self.config.d}")
        if self.positions is not None and n > self.config.n:
            raise InputError(
                f"the prompts have {n} points, the model has positions for {self.config.n}; "
                "use fewer points, or train with a larger --n or --positions none"
            )
