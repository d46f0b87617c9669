"""The batched probes against one plain module a probe: the same errors and the same training."""

import pytest
import torch

from icltool.core.seeding import generator
from icltool.regression.models.probes import Probes, ProbeSizes, decode, prompt_errors
from icltool.regression.studies.probe.learner import ProbeUpdate
from icltool.training.training_config import OptimiserConfig
from tests.reference.probe_sequential import SequentialProbes

STATES, TARGETS, TOKENS, WIDTH, D, BATCH = 3, 4, 6, 8, 2, 5


def pair(hidden: int, lr: float) -> tuple[Probes, SequentialProbes]:
    sizes = ProbeSizes(states=STATES, targets=TARGETS, tokens=TOKENS, width=WIDTH, hidden=hidden, d=D)
    ours = Probes(sizes, generator=generator(0, "probe-weights"))
    plain = SequentialProbes(states=STATES, targets=TARGETS, tokens=TOKENS, width=WIDTH, d=D, hidden=hidden, lr=lr)
    with torch.no_grad():
        for s, row in enumerate(plain.probes):
            for k, probe in enumerate(row):
                probe.alpha.copy_(ours.pooling[s, k])
                linears = [module for module in probe.net if isinstance(module, torch.nn.Linear)]
                for linear, weight, bias in zip(linears, ours.weights, ours.biases, strict=True):
                    linear.weight.copy_(weight[s, k].T)
                    linear.bias.copy_(bias[s, k, 0])
    return ours, plain


def data(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(step)
    states = torch.randn(STATES, BATCH, TOKENS, WIDTH, generator=random)
    return states, torch.randn(TARGETS, BATCH, D, generator=random)


def tokens_first(states: torch.Tensor) -> torch.Tensor:
    return states.transpose(1, 2).contiguous()


@pytest.mark.parametrize("hidden", [7, 0])
def test_every_probe_decodes_what_its_plain_twin_decodes(hidden: int) -> None:
    ours, plain = pair(hidden, lr=1e-3)
    states, targets = data(1)
    decoded = decode(ours.tensors(), tokens_first(states))
    errors = prompt_errors(ours.tensors(), tokens_first(states), targets)
    for s, row in enumerate(plain.probes):
        for k, probe in enumerate(row):
            expected = probe(states[s])
            torch.testing.assert_close(decoded[s, k], expected, atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(errors[s, k], ((expected - targets[k]) ** 2).mean(1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("hidden", [7, 0])
def test_training_together_is_training_one_by_one(hidden: int, at_once: int) -> None:
    lr = 1e-2
    ours, plain = pair(hidden, lr=lr)
    update = ProbeUpdate(ours, OptimiserConfig(optimiser="adam", lr=lr, clip=0.0))
    for step in range(1, 6):
        states, targets = data(step)
        for first in range(0, STATES, at_once):
            update.add(first, tokens_first(states)[first : first + at_once], targets)
        loss = update.apply(1.0)
        errors = plain.step(list(states), list(targets))
        assert float(loss) == pytest.approx(float(errors.mean()), rel=1e-5)
    for s, row in enumerate(plain.probes):
        for k, probe in enumerate(row):
            torch.testing.assert_close(ours.pooling[s, k].detach(), probe.alpha.detach(), atol=1e-5, rtol=1e-4)
            linears = [module for module in probe.net if isinstance(module, torch.nn.Linear)]
            for linear, weight, bias in zip(linears, ours.weights, ours.biases, strict=True):
                torch.testing.assert_close(weight[s, k].T.detach(), linear.weight.detach(), atol=1e-5, rtol=1e-4)
                torch.testing.assert_close(bias[s, k, 0].detach(), linear.bias.detach(), atol=1e-5, rtol=1e-4)


def test_probes_start_as_torch_starts_a_linear() -> None:
    sizes = ProbeSizes(states=4, targets=5, tokens=50, width=16, hidden=25, d=3)
    probes = Probes(sizes, generator=generator(0, "probe-weights"))
    assert float(probes.pooling.detach().std()) == pytest.approx(1.0, rel=0.1)
    for inside, weight in zip((16, 25), probes.weights, strict=True):
        bound = inside**-0.5
        assert bound * 0.98 < float(weight.detach().abs().max()) <= bound
        assert float(weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.05)


def test_the_states_held_at_once_follow_the_memory() -> None:
    probes = pair(7, lr=1e-3)[0]
    assert probes.states_within(1, batch=10) == 1
    assert probes.states_within(10**9, batch=10) == STATES
    assert probes.states_within(2 * 4 * 10 * (6 * 8 + 4 * (16 + 21 + 8)), batch=10) == 2
