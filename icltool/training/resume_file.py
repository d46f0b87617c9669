"""resume.safetensors: a learner's state and the step it belongs to, in the format of every other tensor file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from icltool.core.errors import InputError
from icltool.core.tensor_files import read_tensor_file, write_tensor_file
from icltool.training.learner import LearnerState

KIND = "resume-state"


def save_state(path: Path, state: LearnerState, *, step: int, notes: Mapping[str, Any]) -> None:
    """Write a learner's state after `step` atomically; `notes` are the loop's own (time spent, last measurements)."""
    header = {"kind": KIND, "step": step, "values": dict(state.values), "notes": dict(notes)}
    write_tensor_file(path, state.tensors, header)


def load_state(path: Path) -> tuple[LearnerState, int, dict[str, Any]]:
    """The state, its step and the loop's notes; raises `InputError` when the file is not one of these."""
    file = read_tensor_file(path)
    if file.header.get("kind") != KIND:
        raise InputError(f"{path} is not a resume state; start again with --force")
    state = LearnerState(tensors=file.tensors, values=file.header["values"])
    return state, int(file.header["step"]), dict(file.header["notes"])


def pack_optimisers(optimisers: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The optimisers' per-parameter tensors, named `optimiser.<k>.<parameter>.<name>`."""
    tensors: dict[str, Tensor] = {}
    for k, optimiser in enumerate(optimisers):
        per_parameter: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
        for index, entries in per_parameter.items():
            for name, value in entries.items():
                tensors[f"optimiser.{k}.{index}.{name}"] = torch.as_tensor(value)
    return tensors


def unpack_optimisers(optimisers: list[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put back what `pack_optimisers` took; hyper-parameters stay as the config made them."""
    for k, optimiser in enumerate(optimisers):
        table = optimiser.state_dict()
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith(f"optimiser.{k}."):
                _, _, index, name = key.split(".", 3)
                state.setdefault(int(index), {})[name] = tensor
        optimiser.load_state_dict({"state": state, "param_groups": table["param_groups"]})


def pack_model(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights, named `model.<name>`."""
    return {f"model.{name}": tensor for name, tensor in model.state_dict().items()}


def unpack_model(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `pack_model` took."""
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    model.load_state_dict(weights)
