"""The compiled block against the plain one in float64: outputs, gradients, both precisions, and bytes that repeat."""

import pytest
import torch

from icltool.core.compiler import find_compiler
from icltool.models.kernels.library import Kernels, load_kernels
from icltool.models.layers import Block
from tests.reference.looped_plain import PlainBlock, plain_name

EVERY, SECOND = None, slice(0, None, 2)


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    if find_compiler() is None:
        pytest.skip("there is no C++ compiler")
    return load_kernels()


def block(width: int, heads: int, kernels: Kernels) -> Block:
    made = Block(width, heads)
    random = torch.Generator().manual_seed(1)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5 if parameter.ndim == 1 else width**-0.5, generator=random)
    made.kernels = kernels
    return made


def exact(made: Block, x: torch.Tensor, rows: slice | None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The plain block in float64, all tokens computed, and its gradients for the sum of the squares."""
    plain = PlainBlock(x.shape[-1], made.attention.heads, "manual").double()
    plain.load_state_dict({plain_name(name): tensor.double() for name, tensor in made.state_dict().items()})
    inputs = x.detach().double().requires_grad_()
    out = plain(inputs)[:, rows or slice(None)]
    out.square().sum().backward()
    named = {"x": inputs, **dict(plain.named_parameters())}
    return out.detach(), {name: tensor.grad for name, tensor in named.items() if tensor.grad is not None}


def ours(made: Block, x: torch.Tensor, rows: slice | None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    inputs = x.detach().requires_grad_()
    made.zero_grad()
    out = made(inputs, rows=rows)
    assert "_BlockFunction" in str(out.grad_fn)
    out.square().sum().backward()
    named = {"x": inputs, **{plain_name(name): tensor for name, tensor in made.named_parameters()}}
    return out.detach(), {name: tensor.grad.clone() for name, tensor in named.items() if tensor.grad is not None}


@pytest.mark.parametrize("rows", [EVERY, SECOND])
@pytest.mark.parametrize(
    ("shape", "heads"),
    [((3, 126, 64), 4), ((5, 10, 48), 4), ((2, 82, 256), 8), ((1, 2, 16), 2), ((7, 34, 32), 1), ((2, 300, 16), 16)],
)
def test_outputs_and_gradients(kernels: Kernels, shape: tuple[int, int, int], heads: int, rows: slice | None) -> None:
    made = block(shape[-1], heads, kernels)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    expected, gradients = exact(made, x, rows)
    out, found = ours(made, x, rows)
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=1e-5)
    assert found.keys() == gradients.keys()
    for name, gradient in gradients.items():
        difference = (found[name] - gradient).norm() / gradient.norm()
        assert difference < 2e-6, f"{name}: relative difference {difference:.1e}"


@pytest.mark.parametrize("rows", [EVERY, SECOND])
def test_bf16_is_as_near_as_its_operands(kernels: Kernels, rows: slice | None) -> None:
    if not kernels.has_bf16:
        pytest.skip("the library that torch brings has no bf16 products")
    made = block(64, 4, kernels)
    x = torch.randn(3, 50, 64, generator=torch.Generator().manual_seed(0))
    expected, gradients = exact(made, x, rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, found = ours(made, x, rows)
    assert (out - expected).norm() / expected.norm() < 2**-8
    for name, gradient in gradients.items():
        assert (found[name] - gradient).norm() / gradient.norm() < 0.02, name


def test_large_scores_and_distant_gelus(kernels: Kernels) -> None:
    """Where exponentials would overflow, attention is a choice of one and GELU the identity or zero."""
    made = block(32, 2, kernels)
    x = 1e3 * torch.randn(2, 20, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made.attention.query_key_value.weight.mul_(30)
        made.mlp.widen.weight.mul_(100)
    expected, gradients = exact(made, x, EVERY)
    out, found = ours(made, x, EVERY)
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-2)
    assert all(gradient.isfinite().all() for gradient in found.values())
    assert found.keys() == gradients.keys()


def test_what_is_not_finite_is_not_hidden(kernels: Kernels) -> None:
    made = block(32, 2, kernels)
    x = torch.randn(1, 6, 32)
    x[0, 2, 0] = float("nan")
    out = made(x)
    assert out[0, 2:].isnan().any(dim=-1).all()


def test_without_gradients_the_same_bytes(kernels: Kernels) -> None:
    made = block(64, 4, kernels)
    x = torch.randn(5, 30, 64)
    with torch.no_grad():
        assert torch.equal(made(x), made(x.clone().requires_grad_()))
    assert torch.equal(made(x)[:, ::2], made(x, rows=EVERY)[:, ::2])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bytes_repeat(kernels: Kernels, threads: int) -> None:
    made = block(64, 4, kernels)
    x = torch.randn(7, 30, 64)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        first, second = ours(made, x, EVERY), ours(made, x.clone(), EVERY)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(first[0], second[0])
    assert all(torch.equal(first[1][name], second[1][name]) for name in first[1])


def test_calls_that_do_not_fit_take_the_plain_path(kernels: Kernels) -> None:
    made = block(24, 2, kernels)
    assert "_BlockFunction" not in str(made(torch.randn(2, 4, 24, requires_grad=True)).grad_fn)
    made = block(32, 2, kernels)
    visible = torch.ones(4, 4, dtype=torch.bool).tril()
    x = torch.randn(2, 4, 32, requires_grad=True)
    assert "_BlockFunction" not in str(made(x, visible).grad_fn)
    assert "_BlockFunction" not in str(made.eval()(x).grad_fn)
