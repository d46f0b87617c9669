"""A model made ready to run compiled where the machine allows it.

On a CPU its transformer blocks take the C++ kernels while they train (with the exact GELU they cannot); on a GPU
torch.compile takes the whole model. Where the kernels cannot be had, one line says why and the model stays as it is.
"""

import logging

from torch import nn

from icltool.core.compiler import CompilerError
from icltool.core.runtime import Runtime
from icltool.models.kernels.library import load_kernels
from icltool.models.layers import Block

log = logging.getLogger(__name__)


def compile_model(model: nn.Module, runtime: Runtime) -> None:
    """Make calls of the model take the compiled path when the run asks for it: the same numbers to rounding."""
    if not runtime.compiled:
        return
    if runtime.device.type != "cpu":
        model.compile()
        return
    blocks = [module for module in model.modules() if isinstance(module, Block) and module.mlp.approximate == "tanh"]
    try:
        kernels = load_kernels() if blocks else None
    except CompilerError as error:
        log.warning("not compiled: %s", error)
        kernels = None
    for block in blocks:
        block.kernels = kernels
