"""The official PyTorch checkpoints as our model: key by key, with nothing but tensors ever loaded.

Two layouts share the names below. Yang et al.'s code builds on nanoGPT: an extra level `transformer.`, Linear weights
[out, in]. Garg et al.'s builds on Hugging Face's GPT-2: no such level, Conv1D weights [in, out] (transposed here), and
buffers without meaning for regression (`wte`, `attn.bias`, `attn.masked_bias`), which are left out. Both are GPT-2's
architecture, LayerNorm epsilon 1e-5 and tanh GELU, so our model computes the same function.

Legend: D width, d dimensions of x, P positions, L layers.
Sources: github Leiay/looped_transformer (arXiv 2311.12424), github dtsip/in-context-learning (arXiv 2208.01066).
"""

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import torch
from einops import rearrange
from torch import Tensor

from icltool.core.errors import InputError
from icltool.core.files import unreadable
from icltool.networks.layers import MLP_RATIO
from icltool.regression.models.checkpoint import new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.looped import LoopedTransformer

READ_IN = "_read_in.weight"
COMPILED = "_orig_mod."
# A training state's and a model file's entry for the weights; a bare state_dict has neither.
WRAPPERS = ("model_state_dict", "model", "state_dict")
MEANINGLESS = re.compile(r"(wte\.weight|h\.\d+\.attn\.(bias|masked_bias))")

OfficialLayout = Literal["looped_transformer", "in-context-learning"]
PREFIXES: dict[OfficialLayout, str] = {
    "looped_transformer": "_backbone.transformer.",
    "in-context-learning": "_backbone.",
}
LAYER_NAMES = {
    "ln_1": "attention_norm",
    "attn.c_attn": "attention.query_key_value",
    "attn.c_proj": "attention.output",
    "ln_2": "mlp_norm",
    "mlp.c_fc": "mlp.widen",
    "mlp.c_proj": "mlp.narrow",
}


@dataclass(frozen=True, kw_only=True)
class OfficialFile:
    """What was in a file: the weights by their official names, and the training step where the file says it."""

    path: Path
    tensors: Mapping[str, Tensor]
    step: int | None

    @property
    def layout(self) -> OfficialLayout:
        """Which of the two codes wrote it."""
        nano = any(key.startswith(PREFIXES["looped_transformer"]) for key in self.tensors)
        return "looped_transformer" if nano else "in-context-learning"


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """Where an official tensor goes, and the shape it must have there."""

    ours: str
    shape: tuple[int, ...]
    transposed: bool = False


def read_official_file(path: Path) -> OfficialFile:
    """The weights in a training state, a model file or a bare state_dict, on the CPU.

    `_orig_mod.` (a compiled model's) is taken out of the names. Raises `InputError` for a file that is missing,
    damaged, holds anything but tensors and plain containers, or has no in-context model in it.
    """
    content = _load_tensors_only(path)
    table = cast("dict[Any, Any]", content) if isinstance(content, dict) else {}
    step = table.get("train_step")
    weights = next((table[key] for key in WRAPPERS if isinstance(table.get(key), dict)), table)
    tensors: dict[str, Tensor] = {}
    for key, value in cast("dict[Any, Any]", weights).items():
        name = str(key).replace(COMPILED, "")
        if name in tensors:
            raise InputError(f"{path}: {name} is there twice, with and without {COMPILED}; save the model once")
        if not isinstance(value, Tensor):
            raise InputError(f"{path}: {name} is {type(value).__name__}, no tensor; give a state_dict or a state file")
        tensors[name] = value
    if READ_IN not in tensors:
        held = f"it holds {', '.join(list(tensors)[:3])}, ..." if tensors else f"it holds a {type(content).__name__}"
        raise InputError(f"{path} has no {READ_IN}: it is not an official in-context model ({held})")
    return OfficialFile(path=path, tensors=tensors, step=step if isinstance(step, int) else None)


def official_model(
    file: OfficialFile,
    *,
    heads: int,
    b: int = 1,
    architecture: Literal["looped", "standard", "tied"] = "looped",
    injection: Literal["add", "mul"] = "add",
) -> LoopedTransformer:
    """Our model with the file's weights, in float32; sizes come from the weights, the rest is not in them.

    It has positions for P // 2 points: the official codes allocate as many or one more token. A backbone without
    any bias gets biases of zero, which is the same function. Raises `InputError` naming the first key that is missing,
    unknown or of another shape, and `UsageError` when the heads do not divide the width.
    """
    sizes = _sizes(file)
    settings = {**sizes, "heads": heads, "b": b, "architecture": architecture, "injection": injection}
    config = RegressionModelConfig.create(settings, where=str(file.path))
    model = new_model(config, None)
    model.load_state_dict(_our_weights(file, config), assign=True)
    return model.eval()


def _load_tensors_only(path: Path) -> object:
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _require_stored(path, stream)
            return cast("object", torch.load(stream, map_location="cpu", weights_only=True))
    except InputError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named:
            raise InputError(
                f"{path} holds {named[1]}, and only tensors and plain containers are read (anything else could run "
                "code); save the model's state_dict() alone"
            ) from None
        raise _damaged(path) from None
    except Exception:  # noqa: BLE001 - a damaged file fails anywhere in torch's reader, with any error
        raise _damaged(path) from None


def _require_stored(path: Path, stream: BinaryIO) -> None:
    """torch.save compresses nothing; an archive that unpacks to more than its own size is not read."""
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > stream.seek(0, os.SEEK_END):
            raise InputError(f"{path} unpacks to {size} bytes, more than it has; torch.save did not write it")
    stream.seek(0)


def _damaged(path: Path) -> InputError:
    if path.suffix == ".safetensors":
        return InputError(f"{path} is not a file of torch.save; a checkpoint of icltool's needs no import")
    return InputError(
        f"{path} is damaged, holds more than tensors and plain containers, or torch.save did not write it; "
        "save the model's state_dict() again"
    )


def _sizes(file: OfficialFile) -> dict[str, int]:
    """D, d, n and L, each from the shape or the name of one tensor."""
    backbone = PREFIXES[file.layout]
    positions = f"{backbone}wpe.weight"
    for key in (READ_IN, positions):
        if key not in file.tensors:
            raise InputError(f"{file.path}: {key} is missing")
        if file.tensors[key].ndim != 2:
            raise InputError(f"{file.path}: {key} has shape {list(file.tensors[key].shape)}, needed: two axes")
    width, d = file.tensors[READ_IN].shape
    layer = re.compile(re.escape(backbone) + r"h\.(\d{1,6})\.")
    layers = [int(match[1]) for key in file.tensors if (match := layer.match(key))]
    return {"width": width, "d": d, "n": file.tensors[positions].shape[0] // 2, "L": max(layers, default=0) + 1}


def _our_weights(file: OfficialFile, config: RegressionModelConfig) -> dict[str, Tensor]:
    backbone = PREFIXES[file.layout]
    entries = _entries(file, config)
    with_biases = any(key.startswith(backbone) and key.endswith(".bias") for key in entries if key in file.tensors)
    weights: dict[str, Tensor] = {}
    for key, entry in entries.items():
        if key in file.tensors:
            weights[entry.ours] = _checked(file, key, entry)
        elif key.startswith(backbone) and key.endswith(".bias") and not with_biases:
            weights[entry.ours] = torch.zeros(entry.shape)
        else:
            raise InputError(f"{file.path}: {key} is missing")
    for key in file.tensors:
        if key not in entries and not MEANINGLESS.fullmatch(key.removeprefix(backbone)):
            raise InputError(f"{file.path}: {key} is not part of the official in-context transformer")
    # An odd last position (Yang et al. allocate 2n + 1) belongs to no whole pair and is never used.
    weights["positions.weight"] = weights["positions.weight"][: 2 * config.n].clone()
    return weights


def _entries(file: OfficialFile, config: RegressionModelConfig) -> dict[str, _Entry]:
    """Every key the file must have, by its official name."""
    backbone, transposed = PREFIXES[file.layout], file.layout == "in-context-learning"
    width, inside = config.width, MLP_RATIO * config.width
    entries = {
        READ_IN: _Entry(ours="read_in.weight", shape=(width, config.d)),
        "_read_in.bias": _Entry(ours="read_in.bias", shape=(width,)),
        f"{backbone}wpe.weight": _Entry(
            ours="positions.weight", shape=(file.tensors[f"{backbone}wpe.weight"].shape[0], width)
        ),
    }
    linears = {
        "attn.c_attn": (3 * width, width),
        "attn.c_proj": (width, width),
        "mlp.c_fc": (inside, width),
        "mlp.c_proj": (width, inside),
    }
    for layer in range(config.L):
        for official, ours in LAYER_NAMES.items():
            key, name = f"{backbone}h.{layer}.{official}", f"blocks.{layer}.{ours}"
            shape = linears.get(official, (width,))
            entries[f"{key}.weight"] = _Entry(
                ours=f"{name}.weight", shape=shape, transposed=transposed and official in linears
            )
            entries[f"{key}.bias"] = _Entry(ours=f"{name}.bias", shape=shape[:1])
    for part in ("weight", "bias"):
        entries[f"{backbone}ln_f.{part}"] = _Entry(ours=f"final_norm.{part}", shape=(width,))
    entries["_read_out.weight"] = _Entry(ours="read_out.weight", shape=(1, width))
    entries["_read_out.bias"] = _Entry(ours="read_out.bias", shape=(1,))
    return entries


def _checked(file: OfficialFile, key: str, entry: _Entry) -> Tensor:
    """The tensor in our orientation, dense and in float32."""
    tensor = file.tensors[key]
    needed = entry.shape[::-1] if entry.transposed else entry.shape
    if tuple(tensor.shape) != needed:
        raise InputError(f"{file.path}: {key} has shape {list(tensor.shape)}, needed: {list(needed)}")
    if not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.is_meta:
        raise InputError(f"{file.path}: {key} is not a dense tensor of real numbers ({tensor.dtype})")
    if not bool(tensor.isfinite().all()):
        raise InputError(f"{file.path}: {key} holds numbers that are not finite; the training had diverged")
    ours = rearrange(tensor, "inputs outputs -> outputs inputs") if entry.transposed else tensor
    # A copy of its own, contiguous: a view would keep (and share) the whole file's storage.
    return ours.detach().to(torch.float32, copy=True).contiguous()
