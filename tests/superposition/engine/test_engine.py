from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from icltool.core.errors import UsageError
from icltool.superposition.data.sparse_features import SparseSamples, draw_samples
from icltool.superposition.engine.active_tiles import Sectors, highest_by_sector
from icltool.superposition.engine.engine import ToyReLUEngine
from icltool.superposition.engine.optimiser import WarmupCosine
from icltool.superposition.engine.tiles import nearby_order
from icltool.superposition.model import ToyReLU
from tests.reference.toy_relu_dense import DenseTrainer, dense_gradient

# Few steps at a high rate: far along a training in little time.
FAST = WarmupCosine(steps=90, warmup=10, peak=3e-2)


def make(
    n: int, T: int, *, m: int = 2, sparsity: float = 0.95, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[SparseSamples, ToyReLU]:
    generator = torch.Generator().manual_seed(seed)
    data = draw_samples(T, n=n, sparsity=sparsity, generator=generator, dtype=dtype)
    return data, ToyReLU(m=m, n=n, generator=generator, dtype=dtype)


def relative(value: torch.Tensor, truth: torch.Tensor) -> float:
    return float((value.double() - truth).norm() / truth.norm().clamp_min(1e-300))


def errors(engine: ToyReLUEngine, data: SparseSamples, run: int = 0) -> tuple[float, float, float]:
    """Relative errors of the loss and of the gradients of W and b against dense autograd in float64."""
    W, b = (weights.double() for weights in engine.weights(run))
    true_loss, true_W, true_b = dense_gradient(W, b, data.dense().double())
    loss, gradient = engine.loss_and_gradient()
    rows = gradient[run]
    return relative(loss[run], true_loss), relative(rows[:, :-1].T, true_W), relative(rows[:, -1], true_b)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 200),
    T=st.integers(1, 120),
    m=st.integers(1, 7),
    sparsity=st.sampled_from([0.0, 0.5, 0.95, 0.999]),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    bias=st.sampled_from([-1.0, 0.0, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_the_gradient_is_dense_autograd_at_random_states(
    *, n: int, T: int, m: int, sparsity: float, scale: float, bias: float, seed: int
) -> None:
    m = min(m, n)
    data, model = make(n, T, m=m, sparsity=sparsity, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        model.W.mul_(scale)
        model.b.add_(scale * (torch.randn(n, generator=generator, dtype=torch.float64) + bias))
    engine = ToyReLUEngine([data], [model], settings=FAST)
    assert max(errors(engine, data)) < 1e-12
    # Bounds stay exact when the parameters have left the order and the sectors that were made for them.
    engine.parameters.copy_(torch.randn(engine.parameters.shape, generator=generator, dtype=torch.float64) * scale)
    assert max(errors(engine, data)) < 1e-12


@pytest.mark.parametrize(("n", "T", "m"), [(50, 7, 2), (400, 150, 2), (200, 130, 5), (40, 3, 1)])
def test_the_gradient_is_dense_autograd_along_training(n: int, T: int, m: int) -> None:
    data, model = make(n, T, m=m)
    engine = ToyReLUEngine([data], [model], settings=FAST)
    for step in range(FAST.steps):
        if step % 15 == 0:
            assert max(errors(engine, data)) < 1e-12
        engine.step()


@pytest.mark.parametrize(
    ("n", "T", "m", "sparsity"), [(50, 7, 2, 0.95), (400, 150, 2, 0.95), (200, 130, 5, 0.95), (1000, 60, 2, 0.99)]
)
def test_float32_is_as_good_as_dense_float32_along_training(n: int, T: int, m: int, sparsity: float) -> None:
    data, model = make(n, T, m=m, sparsity=sparsity, dtype=torch.float32)
    engine = ToyReLUEngine([data], [model], settings=FAST)
    for step in range(FAST.steps):
        if step % 15 == 0:
            W, b = engine.weights()
            true_loss, *true = dense_gradient(W.double(), b.double(), data.dense().double())
            _, *dense = dense_gradient(W, b, data.dense())
            loss, gradient = engine.loss_and_gradient()
            assert relative(loss[0], true_loss) < 1e-6
            for mine, its, truth in zip((gradient[0, :, :-1].T, gradient[0, :, -1]), dense, true, strict=True):
                assert relative(mine, truth) < max(1e-5, 2 * relative(its, truth))
        engine.step()


def test_a_whole_training_is_the_dense_one() -> None:
    data, model = make(60, 9)
    engine = ToyReLUEngine([data], [model], settings=FAST)
    dense = DenseTrainer(model.W, model.b, data.dense(), steps=FAST.steps, warmup=FAST.warmup, peak=FAST.peak)
    for _ in range(FAST.steps):
        torch.testing.assert_close(engine.step()[0], dense.step(), rtol=1e-6, atol=0)
    trained = ToyReLU(m=2, n=60, dtype=torch.float64)
    engine.write_to(trained)
    torch.testing.assert_close(trained.W.detach(), dense.W.detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(trained.b.detach(), dense.b.detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(engine.hidden(), trained.hidden(data.dense()).detach())


def test_runs_trained_together_are_the_runs_alone() -> None:
    pairs = [make(80, T, seed=seed) for seed, T in enumerate((3, 70, 130))]
    together = ToyReLUEngine([data for data, _ in pairs], [model for _, model in pairs], settings=FAST)
    alone = [ToyReLUEngine([data], [model], settings=FAST) for data, model in pairs]
    for _ in range(40):
        losses = torch.cat([engine.step() for engine in alone])
        torch.testing.assert_close(together.step(), losses, rtol=1e-9, atol=0)
    assert max(max(errors(together, data, run)) for run, (data, _) in enumerate(pairs)) < 1e-12


def test_full_and_empty_tiles_occur_and_change_nothing() -> None:
    data, model = make(600, 300, sparsity=0.98)
    with torch.no_grad():
        model.W.copy_(model.W.abs())
        model.b[:200], model.b[200:400] = 0.5, -2.0
    engine = ToyReLUEngine([data], [model], settings=FAST)
    tiles = engine.tiles()
    assert tiles.full is not None
    assert tiles.full.sum() > 10
    assert len(tiles.features.rows) <= 448  # the 200 features of bias -2 are left out; blocks are of 64
    assert max(errors(engine, data)) < 1e-12


def test_dead_features_are_found_almost_exactly_in_the_plane() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(200, 3, generator=generator)
    hidden[:, 2] = 1
    parameters = torch.randn(3000, 3, generator=generator)
    parameters[:, 2] -= 2
    true = (parameters @ hidden.T).amax(1)
    bound = highest_by_sector(parameters, hidden, sectors=Sectors.of(parameters[:, :2]))
    assert (bound >= true).all()
    assert ((bound > 0).sum() - (true > 0).sum()) < 0.02 * 3000
    # Sectors found for other weights still bound.
    stale = Sectors.of(torch.randn(3000, 2, generator=generator))
    assert (highest_by_sector(parameters, hidden, sectors=stale) >= true).all()


def test_an_order_is_a_permutation_with_near_neighbours() -> None:
    points = torch.rand(1000, 2, generator=torch.Generator().manual_seed(0))
    order = nearby_order(points)
    assert torch.equal(order.sort().values, torch.arange(1000))
    assert points[order].diff(dim=0).norm(dim=1).mean() < 0.1


def test_continuing_a_saved_state_gives_the_same_bytes() -> None:
    data, model = make(300, 100, dtype=torch.float32)
    whole = ToyReLUEngine([data], [model], settings=FAST)
    for _ in range(41):
        whole.step()
    state = whole.state()
    resumed = ToyReLUEngine([data], [ToyReLU(m=2, n=300)], settings=FAST)
    resumed.load_state(state)
    for _ in range(30):
        assert torch.equal(whole.step(), resumed.step())
    assert torch.equal(whole.parameters, resumed.parameters)


def test_a_diverged_run_says_nan_and_does_not_crash() -> None:
    data, model = make(100, 40)
    with torch.no_grad():
        model.W[0, 3] = float("nan")
        model.W[1, 5] = float("inf")
    engine = ToyReLUEngine([data], [model], settings=FAST)
    assert not engine.step().isfinite().any()
    engine.step()


def test_the_schedule_rises_falls_and_fits() -> None:
    rates = {step: WarmupCosine().learning_rate(step) for step in (1, *range(50, 50_001, 50))}
    assert rates[1] == pytest.approx(1e-3 / 2500)
    assert rates[2500] == max(rates.values()) == pytest.approx(1e-3)
    assert all(later <= earlier for earlier, later in pairwise(rate for step, rate in rates.items() if step >= 2500))
    assert rates[26_250] == pytest.approx(5e-4)
    assert rates[50_000] == 0
    with pytest.raises(UsageError, match="do not fit"):
        WarmupCosine(steps=10, warmup=11)


def test_runs_that_do_not_belong_together_are_named() -> None:
    data, model = make(20, 4)
    with pytest.raises(UsageError, match="one for each"):
        ToyReLUEngine([data, data], [model], settings=FAST)
    with pytest.raises(UsageError, match="one m and one n"):
        ToyReLUEngine([data], [make(21, 4)[1]], settings=FAST)
    other = ToyReLUEngine([make(21, 4)[0]], [make(21, 4)[1]], settings=FAST)
    with pytest.raises(UsageError, match="saved state"):
        other.load_state(ToyReLUEngine([data], [model], settings=FAST).state())
    with pytest.raises(UsageError, match="1 <= m <= n"):
        ToyReLU(m=3, n=2)
