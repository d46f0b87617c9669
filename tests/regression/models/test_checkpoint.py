"""A checkpoint that does not hold what its header says is refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import torch

from icltool.core.errors import InputError
from icltool.core.seeding import generator
from icltool.core.tensor_files import read_tensor_file, write_tensor_file
from icltool.regression.models.checkpoint import load_checkpoint, new_model, save_checkpoint
from icltool.regression.models.config import RegressionModelConfig

CONFIG = RegressionModelConfig(L=1, b=2, width=8, heads=2, d=2, n=3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    model = new_model(CONFIG, generator(0, "weights"))
    save_checkpoint(path, model, study="train", config=CONFIG, step=7, metrics={"held_out_error": 0.5})
    return path


def rewrite(
    path: Path, *, header: dict[str, Any] | None = None, tensors: dict[str, torch.Tensor] | None = None
) -> None:
    found = read_tensor_file(path)
    write_tensor_file(path, {**found.tensors, **(tensors or {})}, {**found.header, **(header or {})})


def test_a_checkpoint_comes_back_as_it_was(file: Path) -> None:
    loaded = load_checkpoint(file)
    for name, tensor in new_model(CONFIG, generator(0, "weights")).state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)
    assert (loaded.step, loaded.study, loaded.metrics) == (7, "train", {"held_out_error": 0.5})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"step": "seven"}, "step is not a whole number"),
        ({"step": None}, "step is not a whole number"),
        ({"config": [1]}, "config is not a table"),
        ({"metrics": 3}, "metrics is not a table"),
        ({"model": {"kind": "other"}}, "another kind of model"),
        ({"model": {"kind": "regression-transformer", "L": 0}}, "L: must be at least 1"),
        ({"model": {"kind": "regression-transformer", "wings": 2}}, "unknown setting wings"),
        ({"model": {"kind": "regression-transformer", "L": 2}}, "the file is damaged"),
    ],
)
def test_a_damaged_header_is_named(file: Path, header: dict[str, Any], message: str) -> None:
    rewrite(file, header=header)
    with pytest.raises(InputError, match=message):
        load_checkpoint(file)


def test_a_class_of_functions_that_is_not_known_is_not_taken_for_another(file: Path) -> None:
    rewrite(file, header={"config": {"task": "cubic-regression"}})
    with pytest.raises(InputError, match="names the function class 'cubic-regression'"):
        _ = load_checkpoint(file).task
    rewrite(file, header={"config": {}})
    assert load_checkpoint(file).task == "linear-regression"


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.full((1,), torch.nan), "read_out.bias is not finite"),
        (torch.zeros(1, dtype=torch.float64), "read_out.bias is torch.float64"),
        (torch.zeros(2), r"read_out.bias has shape \(2,\)"),
    ],
)
def test_weights_that_do_not_fit_are_named(file: Path, tensor: torch.Tensor, message: str) -> None:
    rewrite(file, tensors={"read_out.bias": tensor})
    with pytest.raises(InputError, match=message):
        load_checkpoint(file)


def test_a_tensor_too_many_is_named(file: Path) -> None:
    rewrite(file, tensors={"wings": torch.zeros(1)})
    with pytest.raises(InputError, match="wings has shape"):
        load_checkpoint(file)
