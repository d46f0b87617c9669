"""A model made ready to train compiled, where the machine allows it.

On a CPU its loops take the C++ kernels while they train; on a GPU torch.compile takes the whole model. Where the
kernels cannot be had, one line says why and the model stays as it is.
"""

import logging
from typing import TypeGuard

from torch import nn

from icltool.core.compiler import CompilerError
from icltool.core.runtime import Runtime
from icltool.models.kernels.library import load_kernels
from icltool.models.layers import MLP
from icltool.models.looped import LoopedTransformer
from icltool.models.sequence_transformer import SequenceTransformer

log = logging.getLogger(__name__)


def compile_model(model: nn.Module, runtime: Runtime) -> None:
    """Make training calls of the model take the compiled path, where the run asks for it: same numbers to rounding."""
    if not runtime.compiled:
        return
    if runtime.device.type != "cpu":
        model.compile()
        return
    if not _has_kernels(model):
        return
    try:
        model.kernels = load_kernels()
    except CompilerError as error:
        log.warning("not compiled: %s", error)


def _has_kernels(model: nn.Module) -> TypeGuard[LoopedTransformer | SequenceTransformer]:
    """The kernels know these two, and GELU in its tanh form."""
    if not isinstance(model, LoopedTransformer | SequenceTransformer):
        return False
    return all(part.approximate == "tanh" for part in model.modules() if isinstance(part, MLP))
