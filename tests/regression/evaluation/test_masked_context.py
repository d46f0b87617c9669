"""Masked states and prompts against a plain model whose tokens are masked one at a time."""

from typing import Literal

import pytest
import torch

from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation import masked_context
from icltool.regression.evaluation.in_context import model_errors
from icltool.regression.evaluation.masked_context import masked_query_errors, pair_masks
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import every_loop_plan
from icltool.regression.models.looped import LoopedTransformer
from tests.reference.looped_plain import PlainLooped, plain_name

D, N, WIDTH, HEADS, BATCH = 3, 5, 16, 2, 4
LOOPS = (2, 4, 6)
CPU = Runtime(device=torch.device("cpu"), precision="f32", compiled=False)

Injection = Literal["add", "mul"]
Keep = Literal["first", "last"]
Scope = Literal["state", "input"]

every_injection = pytest.mark.parametrize("injection", ["add", "mul"])
every_keep = pytest.mark.parametrize("keep", ["first", "last"])
every_scope = pytest.mark.parametrize("scope", ["state", "input"])


def model(injection: Injection = "add") -> LoopedTransformer:
    """A model with weights far from their small initial values, so that a state matters."""
    config = RegressionModelConfig(L=2, b=2, d=D, n=N, width=WIDTH, heads=HEADS, injection=injection)
    network = new_model(config, generator(4, "weights")).eval()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=random))
    return network


def prompts() -> Prompts:
    random = torch.Generator().manual_seed(2)
    return Prompts(xs=torch.randn(BATCH, N, D, generator=random), ys=torch.randn(BATCH, N, generator=random))


def errors(network: LoopedTransformer, keep: Keep, scope: Scope, *, loops: tuple[int, ...] = LOOPS) -> torch.Tensor:
    return masked_query_errors(network, prompts(), pair_masks(N, keep), CPU, loops=loops, scope=scope, scale=3.0)


def test_the_masks_of_three_pairs() -> None:
    assert pair_masks(3, "first").int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert pair_masks(3, "last").int().tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1]]


@torch.no_grad()
def plainly(network: LoopedTransformer, kept: list[int], scope: Scope) -> list[torch.Tensor]:
    """The squared errors over 3 at the query after each loop, the pairs not in `kept` masked, prompt by prompt."""
    injection: Injection = "mul" if network.injection == "mul" else "add"
    plain = PlainLooped(d=D, points=N, width=WIDTH, heads=HEADS, layers=2, injection=injection)
    plain.load_state_dict({plain_name(name): tensor for name, tensor in network.state_dict().items()})
    data = prompts()
    found: list[list[torch.Tensor]] = []
    for xs, ys in zip(data.xs, data.ys, strict=True):
        tokens = torch.zeros(1, 2 * N, D)
        for pair in range(N):
            if scope == "state" or pair in kept or pair == N - 1:
                tokens[0, 2 * pair] = xs[pair]
            if scope == "state" or pair in kept:
                tokens[0, 2 * pair + 1, 0] = ys[pair]
        e = plain.read_in(tokens)
        z = torch.full_like(e, 1.0 if injection == "mul" else 0.0)
        after: list[torch.Tensor] = []
        for _ in range(max(LOOPS)):
            if scope == "state":
                for pair in range(N):
                    if pair not in kept:
                        z[0, 2 * pair : 2 * pair + 2] = 1.0 if injection == "mul" else 0.0
            z = plain.f(z, e)
            after.append((plain.read_out(z[0, 2 * N - 2])[0] - ys[-1]) ** 2 / 3)
        found.append(after)
    return [torch.stack([after[loop - 1] for after in found]) for loop in LOOPS]


@every_injection
@every_keep
@every_scope
def test_every_mask_against_the_plain_model(injection: Injection, keep: Keep, scope: Scope) -> None:
    network = model(injection)
    ours = errors(network, keep, scope)
    assert ours.shape == (len(LOOPS), N + 1, BATCH)
    for n in range(N + 1):
        kept = list(range(n)) if keep == "first" else list(range(N - n, N))
        expected = torch.stack(plainly(network, kept, scope))
        torch.testing.assert_close(ours[:, n], expected, atol=1e-4, rtol=1e-4)


@every_injection
@every_keep
@every_scope
def test_all_pairs_kept_is_the_unmasked_model(injection: Injection, keep: Keep, scope: Scope) -> None:
    network = model(injection)
    whole = model_errors(network, prompts(), every_loop_plan(max(LOOPS)), CPU, scale=3.0)[:, :, -1]
    unmasked = torch.stack([whole[loop - 1] for loop in LOOPS])
    torch.testing.assert_close(errors(network, keep, scope)[:, -1], unmasked, atol=1e-6, rtol=1e-5)
    alone = masked_query_errors(network, prompts(), pair_masks(N, keep)[-1:], CPU, loops=LOOPS, scope=scope, scale=3.0)
    assert torch.equal(alone[:, 0], unmasked)  # to the bit, at the same batch shape


@every_injection
@every_keep
def test_no_pair_kept_is_one_application_of_f(injection: Injection, keep: Keep) -> None:
    network = model(injection)
    once = model_errors(network, prompts(), every_loop_plan(1), CPU, scale=3.0)[0, :, -1]
    for after in errors(network, keep, "state")[:, 0]:
        torch.testing.assert_close(after, once, atol=1e-6, rtol=1e-5)


def test_the_query_counts_as_a_pair_and_its_x_stays_in_the_prompt() -> None:
    network = model()
    of_input = errors(network, "last", "input")
    # Its y is never seen, so keeping the query's pair is keeping nothing; without it the others are all there is.
    torch.testing.assert_close(of_input[:, 0], of_input[:, 1])
    of_first = errors(network, "first", "input")
    torch.testing.assert_close(of_first[:, -2], of_first[:, -1])
    # The query has a state of its own, which counts.
    of_state = errors(network, "first", "state")
    assert not torch.allclose(of_state[:, -2], of_state[:, -1])
    assert not torch.allclose(errors(network, "last", "state")[:, 0], errors(network, "last", "state")[:, 1])


@every_scope
@pytest.mark.parametrize("chunk", [1, 4, 13])
def test_chunks_change_nothing_and_are_counted(monkeypatch: pytest.MonkeyPatch, scope: Scope, chunk: int) -> None:
    network = model()
    whole = errors(network, "last", scope)
    monkeypatch.setattr(masked_context, "CHUNK", chunk)
    heard: list[tuple[int, int]] = []
    cut = masked_query_errors(
        network,
        prompts(),
        pair_masks(N, "last"),
        CPU,
        loops=LOOPS,
        scope=scope,
        scale=3.0,
        on_chunk=lambda done, chunks: heard.append((done, chunks)),
    )
    torch.testing.assert_close(cut, whole, atol=1e-6, rtol=1e-5)
    expected = {1: BATCH * (N + 1), 4: BATCH * 2, 13: 2}[chunk]
    assert heard == [(done, expected) for done in range(expected + 1)]
