"""The compiled kernels as Python sees them: the structures of `block.h`, filled from tensors, and two calls."""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from icltool.core.compiler import CompilerError, compiled_library

SOURCE = Path(__file__).with_name("block.cpp")


class Sizes(ctypes.Structure):
    """Prompts, tokens, width, heads; every `step`-th token is computed; threads; LayerNorm's epsilon."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("prompts", "tokens", "width", "heads", "step", "threads")),
        ("epsilon", ctypes.c_double),
    )


def sizes_of(x: Float[Tensor, "B t D"], *, heads: int, step: int, epsilon: float) -> Sizes:
    """The sizes of a call on x, with torch's threads."""
    prompts, tokens, width = x.shape
    return Sizes(prompts, tokens, width, heads, step, torch.get_num_threads(), epsilon)


class Kept(NamedTuple):
    """What backward needs of forward. Legend: B prompts, t tokens, r tokens computed, D width, H heads."""

    query: Float[Tensor, "B r D"]
    key_value: Float[Tensor, "B t two*D"]
    mixed: Float[Tensor, "B r D"]
    inner: Float[Tensor, "B r four*D"]
    middle: Float[Tensor, "B r D"]
    log_sum: Float[Tensor, "B H r"]


class Gradients(NamedTuple):
    """Of what comes out, of what went in, and of the weights: a row for each thread, to be summed."""

    out: Float[Tensor, "B r D"]
    x: Float[Tensor, "B t D"]
    weights: Float[Tensor, "threads count"]


class Kernels:
    """A loaded library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.forward.restype = library.backward.restype = None
        self.has_bf16 = bool(library.has_bf16())

    def forward(
        self, sizes: Sizes, weights: Sequence[Tensor], x: Tensor, out: Tensor, kept: Kept | None, *, bf16: bool
    ) -> None:
        """Fill `out` and, where given, `kept`."""
        self._library.forward(
            ctypes.byref(sizes),
            int(bf16),
            _pointers(weights),
            _pointer(x),
            _pointer(out),
            _pointers(kept) if kept else (ctypes.c_void_p * len(Kept._fields))(),
        )

    def backward(
        self, sizes: Sizes, weights: Sequence[Tensor], x: Tensor, kept: Kept, gradients: Gradients, *, bf16: bool
    ) -> None:
        """Fill `gradients.x` and add to `gradients.weights`."""
        self._library.backward(
            ctypes.byref(sizes), int(bf16), _pointers(weights), _pointer(x), _pointers(kept), *map(_pointer, gradients)
        )


@cache
def load_kernels() -> Kernels:
    """The kernels, compiled when they have not been; raises `CompilerError` where they cannot be had."""
    try:
        return Kernels(ctypes.CDLL(str(compiled_library(SOURCE))))
    except OSError as error:
        raise CompilerError(f"torch here lacks what the kernels stand on: {error}") from None


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """The structs of pointers are arrays of them."""
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))
