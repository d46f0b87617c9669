"""The compiled kernels as Python sees them: the structures of `block.h` and `loop.h`, and two calls.

Legend: B prompts, t tokens, r tokens computed by the last block, D width, H heads.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from icltool.core.compiler import CompilerError, compiled_library

SOURCE = Path(__file__).with_name("loop.cpp")


class Loop(ctypes.Structure):
    """`Loop` of loop.h; the last block is computed at every `step`-th token."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("prompts", "tokens", "width", "heads", "step")),
        ("epsilon", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("layers", "injection", "threads")),
        *((name, ctypes.c_void_p) for name in ("state", "prompt", "positions", "final_gain", "final_bias", "stream")),
    )


class Kept(NamedTuple):
    """What a block's backward pass needs of its forward pass."""

    input: Float[Tensor, "B t D"]
    query: Float[Tensor, "B r D"]
    key_value: Float[Tensor, "B t two*D"]
    mixed: Float[Tensor, "B r D"]
    inner: Float[Tensor, "B r four*D"]
    middle: Float[Tensor, "B r D"]
    log_sum: Float[Tensor, "B H r"]


class Gradients(NamedTuple):
    """Of what comes out, of what the first block gets, and of the weights: a row for each thread, to be summed."""

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
        self, loop: Loop, weights: Sequence[Tensor], kept: Sequence[Tensor] | None, out: Tensor, *, bf16: bool
    ) -> None:
        """Fill `out` and, where given, `kept`: each layer's, one after another."""
        places = _pointers(kept) if kept else (ctypes.c_void_p * (loop.layers * len(Kept._fields)))()
        self._library.forward(ctypes.byref(loop), int(bf16), _pointers(weights), places, pointer(out))

    def backward(
        self, loop: Loop, weights: Sequence[Tensor], kept: Sequence[Tensor], gradients: Gradients, *, bf16: bool
    ) -> None:
        """Fill `gradients.x` and add to `gradients.weights`."""
        self._library.backward(
            ctypes.byref(loop),
            int(bf16),
            _pointers(weights),
            _pointers(kept),
            *map(pointer, gradients),
            ctypes.c_int64(gradients.weights.shape[1]),
        )


@cache
def load_kernels() -> Kernels:
    """The kernels, compiled when they have not been; raises `CompilerError` where they cannot be had."""
    try:
        return Kernels(ctypes.CDLL(str(compiled_library(SOURCE))))
    except OSError as error:
        raise CompilerError(f"torch here lacks what the kernels stand on: {error}") from None


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    """Where a tensor's values are; null for none."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """The structures of pointers are arrays of them."""
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))
