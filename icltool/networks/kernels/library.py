"""The compiled kernels as Python sees them: structures, the two calls, and what both sides state.

The package's docstring states the contract. Legend: B prompts, t tokens, r tokens computed by the last block, D width,
H heads.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from jaxtyping import Float
from torch import Tensor

from icltool.core.compiler import CompilerError, compiled_library
from icltool.networks.layers import MLP_RATIO

SOURCE = Path(__file__).with_name("loop.cpp")

# The kernels work on whole vectors of every machine; the widest has this many floats (AVX-512).
WIDTH_MULTIPLE = 16
# Weights and biases of a block: as many as `Block.in_order` lists.
BLOCK_PARAMETERS = 12
# How the prompt enters the state; the kernels know each by its place.
Injection = Literal["none", "add", "mul"]
INJECTIONS: tuple[Injection, ...] = get_args(Injection)


class Sizes(ctypes.Structure):
    """`Sizes` of block.h; the last block is computed at every `step`-th token, `epsilon` is LayerNorm's."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("prompts", "tokens", "width", "heads", "step")),
        ("epsilon", ctypes.c_double),
    )


class Loop(ctypes.Structure):
    """`Loop` of loop.h: numbers, then pointers, which are null for what a loop lacks."""

    _fields_ = (
        ("sizes", Sizes),
        *((name, ctypes.c_int64) for name in ("layers", "injection", "threads")),
        *(
            (name, ctypes.c_void_p)
            for name in ("state", "prompt", "positions", "final_gain", "final_bias", "before_final_norm")
        ),
    )


class Kept(NamedTuple):
    """What a block's forward pass keeps for its backward pass: `Kept` of block.h."""

    input: Float[Tensor, "B t D"]
    query: Float[Tensor, "B r D"]
    key_value: Float[Tensor, "B t two*D"]
    attended: Float[Tensor, "B r D"]
    pre_gelu: Float[Tensor, "B r four*D"]
    after_attention: Float[Tensor, "B r D"]
    log_sum_exp: Float[Tensor, "B H r"]


class Gradients(NamedTuple):
    """Of the result (read), of what the first block gets (written), of all parameters (added to, a row a thread)."""

    out: Float[Tensor, "B r D"]
    x: Float[Tensor, "B t D"]
    parameters: Float[Tensor, "threads count"]


class Kernels:
    """A loaded library; raises `CompilerError` when it was not made for this version's structures."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.forward.restype = library.backward.restype = None
        _require_agreement(library)
        self.has_bf16 = bool(library.has_bf16())

    def forward(
        self, loop: Loop, weights: Sequence[Tensor], kept: Sequence[Tensor] | None, out: Tensor, *, bf16: bool
    ) -> None:
        """Fill `out` [B, r, D] and, where given, `kept`: each layer's `Kept`, one after another."""
        places = _pointers(kept) if kept else (ctypes.c_void_p * (loop.layers * len(Kept._fields)))()
        self._library.forward(ctypes.byref(loop), int(bf16), _pointers(weights), places, pointer(out))

    def backward(
        self, loop: Loop, weights: Sequence[Tensor], kept: Sequence[Tensor], gradients: Gradients, *, bf16: bool
    ) -> None:
        """Fill `gradients.x` and add to `gradients.parameters`."""
        self._library.backward(
            ctypes.byref(loop),
            int(bf16),
            _pointers(weights),
            _pointers(kept),
            *map(pointer, gradients),
            ctypes.c_int64(gradients.parameters.shape[1]),
        )


@cache
def load_kernels() -> Kernels:
    """The kernels, compiled if they were not yet; raises `CompilerError` where they cannot be compiled or loaded."""
    try:
        return Kernels(ctypes.CDLL(str(compiled_library(SOURCE))))
    except OSError as error:
        raise CompilerError(f"the torch here lacks a function that the kernels call: {error}") from None


class _Fact(ctypes.Structure):
    """`Fact` of contract.h."""

    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_int64))


def agreement() -> dict[str, int]:
    """What Python and C++ both state, by name: constants, the injections' numbers, sizes and places in bytes."""
    word = ctypes.sizeof(ctypes.c_void_p)
    return {
        "WIDTH_MULTIPLE": WIDTH_MULTIPLE,
        "MLP_RATIO": MLP_RATIO,
        **{f"injection {name}": number for number, name in enumerate(INJECTIONS)},
        "Weights": BLOCK_PARAMETERS * word,
        "Kept": len(Kept._fields) * word,
        **{f"Kept.{name}": place * word for place, name in enumerate(Kept._fields)},
        **_places(Sizes),
        **_places(Loop),
    }


def _places(structure: type[ctypes.Structure]) -> dict[str, int]:
    """A structure's size, and where each field begins, in bytes."""
    name = structure.__name__
    places = {f"{name}.{field[0]}": getattr(structure, field[0]).offset for field in structure._fields_}
    return {name: ctypes.sizeof(structure), **places}


def _require_agreement(library: ctypes.CDLL) -> None:
    """Raise `CompilerError` when the library states anything else than `agreement()`."""
    facts = (_Fact * library.contract(None))()
    library.contract(facts)
    stated = {fact.name.decode(): fact.value for fact in facts}
    expected = agreement()
    for name in expected.keys() | stated.keys():
        if expected.get(name) != stated.get(name):
            raise CompilerError(
                f"the kernels' {name} is {stated.get(name)} in C++ and {expected.get(name)} in Python: make them equal"
            )


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    """Where a tensor's values are; null for None."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """An array of pointers. `Weights` and `Kept` in C++ hold only pointers, so one array serves all layers."""
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))
