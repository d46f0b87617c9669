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

from typing import cast

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn.functional import pad

from icltool.core.errors import InputError
from icltool.models.compiled_loop import LoopParts, compiled_loop
from icltool.models.kernels.library import Kernels
from icltool.models.kernels.loop_function import kernels_fit
from icltool.models.layers import INIT_STD, Block, Tokens, initialise_blocks, initialise_linear
from icltool.models.loop_plan import LoopPlan, TokenLayout
from icltool.models.transformer_config import RegressionModelConfig

# x_1, x_2, ... among the tokens.
AT_X = slice(0, None, 2)


class LoopedTransformer(nn.Module):
    """A transformer that predicts y at every x of a prompt, at every scored loop."""

    def __init__(self, config: RegressionModelConfig, *, generator: Generator | None = None) -> None:
        """Weights drawn from `generator`; without one they stay uninitialised, to be loaded."""
        super().__init__()
        self.config = config
        self.injection = config.injection if config.architecture == "looped" else "none"
        self.read_in = nn.Linear(config.d, config.width)
        self.positions = nn.Embedding(2 * config.n, config.width) if config.positions == "learned" else None
        self.blocks = nn.ModuleList(Block(config.width, config.heads, gelu_form=config.gelu) for _ in range(config.L))
        self.final_norm = nn.LayerNorm(config.width) if config.final_norm else None
        self.read_out = nn.Linear(config.width, 1)
        self.kernels: Kernels | None = None
        if generator is not None:
            self._initialise(generator)

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
                    state = self._mask(state, plan)
                if loop < plan.loops:
                    state = self.loop(state, prompt, plan.layout)
                    if loop in plan.scored:
                        predictions.append(self.predict(state))
                elif loop in plan.scored:
                    # Nobody needs this state but at x.
                    predictions.append(self._read(self.loop(state, prompt, plan.layout, step=AT_X.step)))
        return torch.stack(predictions)

    def embed(self, xs: Float[Tensor, "B n d"], ys: Float[Tensor, "B n"]) -> Tokens:
        """The prompt's tokens x_1, y_1, x_2, y_2, ... after read_in; y is a token (y, 0, ..., 0)."""
        y_tokens = pad(rearrange(ys, "B n -> B n 1"), (0, xs.shape[-1] - 1))
        tokens = rearrange([xs, y_tokens], "two B n d -> B (n two) d")
        return self.read_in(tokens)

    def initial_state(self, prompt: Tokens) -> Tokens:
        """z_0: the value that injection leaves unchanged, or the prompt itself where nothing is injected."""
        match self.injection:
            case "add":
                return torch.zeros_like(prompt)
            case "mul":
                return torch.ones_like(prompt)
            case _:
                return prompt

    def loop(
        self, state: Tokens, prompt: Tokens, layout: TokenLayout | None = None, *, step: int = 1
    ) -> Float[Tensor, "B r D"]:
        """One loop: inject the prompt into the state, then apply f; with `step`, the result at each step-th token only.

        While training, by the compiled kernels where the model has them and they fit.
        """
        if (
            self.training
            and self.kernels is not None
            and layout is None
            and kernels_fit(self.kernels, state, step=step)
        ):
            positions = None if self.positions is None else self.positions.weight[: state.shape[1]]
            parts = LoopParts(self.kernels, [*self.blocks], positions, self.final_norm, self.injection)  # pyright: ignore[reportArgumentType] - a ModuleList yields Modules
            return compiled_loop(parts, state, prompt, step=step)
        tokens = self._injected(state, prompt, layout)
        for block in self.blocks[:-1]:
            tokens = block(tokens, _visible(layout))
        rows = None if step == 1 else slice(0, None, step)
        state = self.blocks[-1](tokens, _visible(layout), rows=rows)
        return state if self.final_norm is None else self.final_norm(state)

    def _injected(self, state: Tokens, prompt: Tokens, layout: TokenLayout | None) -> Tokens:
        """What f's blocks see: the prompt injected into the state, positions added."""
        match self.injection:
            case "add":
                tokens = state + prompt
            case "mul":
                tokens = state * prompt
            case _:
                tokens = state
        if self.positions is None:
            return tokens
        places = slice(tokens.shape[1]) if layout is None else layout.places
        return tokens + self.positions.weight[places]

    def predict(self, state: Tokens) -> Float[Tensor, "B n"]:
        """ŷ at every x, read out of a state."""
        return self._read(state[:, AT_X])

    def _read(self, at_x: Float[Tensor, "B n D"]) -> Float[Tensor, "B n"]:
        return rearrange(self.read_out(at_x), "B n 1 -> B n")

    def _mask(self, state: Tokens, plan: LoopPlan) -> Tokens:
        keep = repeat(cast("Tensor", plan.state_keep), "B t -> B t 1")
        return torch.where(keep, state, 1.0 if self.injection == "mul" else 0.0)

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

    def _initialise(self, generator: Generator) -> None:
        initialise_linear(self.read_in, generator)
        if self.positions is not None:
            nn.init.normal_(self.positions.weight, std=INIT_STD, generator=generator)
        initialise_blocks(self.blocks, generator)
        initialise_linear(self.read_out, generator)


def _visible(layout: TokenLayout | None) -> Bool[Tensor, "t t"] | None:
    return None if layout is None else layout.visible
