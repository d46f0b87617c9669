"""The compiled loop against the plain one in float64: outputs, gradients, both precisions, and bytes that repeat."""

from typing import Any

import pytest
import torch

from icltool.core.compiler import CompilerError, find_compiler
from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.networks.kernels import library
from icltool.networks.kernels.library import Kernels, load_kernels
from icltool.networks.layers import Block
from icltool.networks.loop import compile_model
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import window_plan
from icltool.regression.models.looped import LoopedTransformer
from tests.reference.looped_plain import PlainLooped, plain_name

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    if find_compiler() is None:
        pytest.skip("there is no C++ compiler")
    return load_kernels()


def model(kernels: Kernels | None, **sizes: Any) -> LoopedTransformer:
    """With biases, gains and positions that are all at work."""
    config = RegressionModelConfig.create({"d": 3, "n": 9, "width": 32, "heads": 4, **sizes})
    made = new_model(config, generator(0, "weights"))
    random = torch.Generator().manual_seed(1)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5 if parameter.ndim == 1 else 0.2, generator=random)
    made.kernels = kernels
    return made.train()


def inputs(made: LoopedTransformer, *, prompts: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    shape = (prompts, 2 * made.config.n, made.config.width)
    return torch.randn(shape, generator=random), torch.randn(shape, generator=random)


def exact(
    made: LoopedTransformer, state: torch.Tensor, prompt: torch.Tensor, step: int
) -> tuple[torch.Tensor, Tensors]:
    """The plain model's loop in float64 at all tokens, and its gradients for the sum of the squares at some."""
    config = made.config
    plain = PlainLooped(
        d=config.d, points=config.n, width=config.width, heads=config.heads, layers=config.L, injection=config.injection
    ).double()
    plain.load_state_dict({plain_name(name): tensor.double() for name, tensor in made.state_dict().items()})
    z, e = (tensor.double().requires_grad_() for tensor in (state, prompt))
    out = plain.f(z, e)[:, ::step]
    out.square().sum().backward()
    return out.detach(), gradients({"state": z, "prompt": e, **dict(plain.named_parameters())})


def ours(made: LoopedTransformer, state: torch.Tensor, prompt: torch.Tensor, step: int) -> tuple[torch.Tensor, Tensors]:
    z, e = (tensor.clone().requires_grad_() for tensor in (state, prompt))
    made.zero_grad()
    out = made.loop(z, e, step=step)
    assert takes_the_kernels(out)
    out.square().sum().backward()
    return out.detach(), gradients(
        {"state": z, "prompt": e, **{plain_name(name): tensor for name, tensor in made.named_parameters()}}
    )


def gradients(tensors: Tensors) -> Tensors:
    return {name: tensor.grad.clone() for name, tensor in tensors.items() if tensor.grad is not None}


def takes_the_kernels(out: torch.Tensor) -> bool:
    return "_LoopFunction" in str(out.grad_fn)


@pytest.mark.usefixtures("kernels")
def test_a_number_that_python_and_cpp_state_differently_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "WIDTH_MULTIPLE", 8)
    with pytest.raises(CompilerError, match=r"^the kernels' WIDTH_MULTIPLE is 16 in C\+\+ and 8 in Python: "):
        load_kernels.__wrapped__()
    monkeypatch.undo()
    monkeypatch.setattr(library, "INJECTIONS", ("none", "mul", "add"))
    with pytest.raises(CompilerError, match=r"injection (add|mul) is "):
        load_kernels.__wrapped__()


def test_a_block_lists_its_parameters_as_the_kernels_take_them() -> None:
    """In the order of `Weights` in block.h, whose size `library.agreement` compares."""
    block = Block(16, 2)
    names = {id(parameter): name for name, parameter in block.named_parameters()}
    assert [names[id(parameter)] for parameter in block.in_order()] == [
        f"{part}.{kind}"
        for part in (
            "attention_norm",
            "attention.query_key_value",
            "attention.output",
            "mlp_norm",
            "mlp.widen",
            "mlp.narrow",
        )
        for kind in ("weight", "bias")
    ]
    assert len(block.in_order()) == library.BLOCK_PARAMETERS


def test_the_epsilon_is_the_layer_norms(kernels: Kernels) -> None:
    """Against the uncompiled path, with an epsilon that is not torch's default."""
    ours, eager = model(kernels, L=2), model(None, L=2)
    for made in (ours, eager):
        for part in made.modules():
            if isinstance(part, torch.nn.LayerNorm):
                part.eps = 0.5
    state, prompt = inputs(ours, prompts=2)
    torch.testing.assert_close(ours.loop(state, prompt), eager.loop(state, prompt), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize(
    ("sizes", "prompts"),
    [
        ({"L": 1, "n": 63, "width": 64}, 3),
        ({"L": 3, "n": 5, "width": 48, "injection": "mul"}, 5),
        ({"L": 2, "n": 41, "width": 256, "heads": 8}, 2),
        ({"L": 1, "n": 1, "width": 16, "heads": 2}, 1),
        ({"L": 2, "n": 17, "width": 32, "heads": 1}, 7),
        ({"L": 1, "n": 150, "width": 16, "heads": 16}, 2),
    ],
)
def test_outputs_and_gradients(kernels: Kernels, sizes: dict[str, Any], prompts: int, step: int) -> None:
    made = model(kernels, **sizes)
    state, prompt = inputs(made, prompts=prompts)
    expected, wanted = exact(made, state, prompt, step)
    out, found = ours(made, state, prompt, step)
    torch.testing.assert_close(out.double(), expected, atol=2e-5, rtol=1e-5)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        difference = (found[name] - gradient).norm() / gradient.norm()
        assert difference < 5e-6, f"{name}: relative difference {difference:.1e}"


@pytest.mark.parametrize("step", [1, 2])
def test_bf16_is_as_near_as_its_operands(kernels: Kernels, step: int) -> None:
    if not kernels.has_bf16:
        pytest.skip("the library that torch brings has no bf16 products")
    made = model(kernels, L=2, n=25, width=64)
    state, prompt = inputs(made, prompts=3)
    expected, wanted = exact(made, state, prompt, step)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, found = ours(made, state, prompt, step)
    assert (out - expected).norm() / expected.norm() < 0.02
    for name, gradient in wanted.items():
        assert (found[name] - gradient).norm() / gradient.norm() < 0.05, name


@pytest.mark.parametrize("changes", [{"final_norm": False}, {"positions": "none"}, {"architecture": "standard"}])
def test_parts_that_a_model_may_lack(kernels: Kernels, changes: dict[str, Any]) -> None:
    """Against the uncompiled path, the whole windowed pass."""
    made = {"ours": model(kernels, L=2, b=4, **changes), "eager": model(None, L=2, b=4, **changes)}
    random = torch.Generator().manual_seed(2)
    xs, ys = torch.randn(4, 9, 3, generator=random), torch.randn(4, 9, generator=random)
    squares = {name: (it(xs, ys, window_plan(4, 2)) - ys).square() for name, it in made.items()}
    for error in squares.values():
        error.mean().backward()
    torch.testing.assert_close(squares["ours"], squares["eager"], rtol=1e-4, atol=1e-5)
    for (name, one), other in zip(made["ours"].named_parameters(), made["eager"].parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None), name
        if one.grad is not None and other.grad is not None:
            assert (one.grad - other.grad).norm() <= 1e-4 * other.grad.norm(), name


def test_large_scores_and_distant_gelus(kernels: Kernels) -> None:
    """Where exponentials would overflow, attention is a choice of one and GELU the identity or zero."""
    made = model(kernels, L=1)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "query_key_value.weight" in name or "widen.weight" in name:
                parameter.mul_(100)
    state, prompt = inputs(made, prompts=2)
    expected, _ = exact(made, state, prompt, 1)
    out, found = ours(made, state, prompt, 1)
    torch.testing.assert_close(out.double(), expected, rtol=1e-3, atol=1e-3)
    assert all(gradient.isfinite().all() for gradient in found.values())


def test_what_is_not_finite_is_not_hidden(kernels: Kernels) -> None:
    made = model(kernels)
    state, prompt = inputs(made, prompts=1)
    state[0, 2, 0] = float("nan")
    assert made.loop(state, prompt)[0, 2:].isnan().any(dim=-1).all()


def test_without_gradients_the_same_bytes(kernels: Kernels) -> None:
    made = model(kernels, L=2)
    state, prompt = inputs(made, prompts=5)
    with torch.no_grad():
        detached = made.loop(state, prompt)
    assert torch.equal(detached, made.loop(state, prompt))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bytes_repeat(kernels: Kernels, threads: int) -> None:
    made = model(kernels, L=2, n=15, width=64)
    state, prompt = inputs(made, prompts=7)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        first, second = ours(made, state, prompt, 1), ours(made, state.clone(), prompt.clone(), 1)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(first[0], second[0])
    assert all(torch.equal(first[1][name], second[1][name]) for name in first[1])


def test_calls_that_do_not_fit_take_the_plain_path(kernels: Kernels) -> None:
    odd = model(kernels, width=24)
    assert not takes_the_kernels(odd.loop(*inputs(odd, prompts=2)))
    made = model(kernels)
    state, prompt = inputs(made, prompts=2)
    assert takes_the_kernels(made.loop(state, prompt))
    assert not takes_the_kernels(made.double().loop(state.double(), prompt.double()))
    assert not takes_the_kernels(made.float().eval().loop(state, prompt))


def test_a_run_that_asks_for_it_compiles_what_can_be(kernels: Kernels) -> None:
    runtime = Runtime(device=torch.device("cpu"), precision="f32", compiled=True)
    tanh, exact = model(None), model(None, gelu="exact")
    for made in (tanh, exact):
        compile_model(made, runtime)
    assert tanh.kernels is kernels
    assert exact.kernels is None


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    load_kernels.cache_clear()
    monkeypatch.setenv("CXX", "no-such-compiler")
    made = model(None)
    compile_model(made, Runtime(device=torch.device("cpu"), precision="f32", compiled=True))
    assert made.kernels is None
    assert [record.getMessage() for record in caplog.records] == [
        "not compiled: there is no C++ compiler (c++, g++, clang++, or the one named in CXX)"
    ]
