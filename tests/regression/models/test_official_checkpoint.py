"""Official checkpoints against the original architectures, in both layouts; and every way a file can be wrong."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from icltool.core.errors import InputError, UsageError
from icltool.regression.models.loop_plan import every_loop_plan
from icltool.regression.models.looped import LoopedTransformer
from icltool.regression.models.official_checkpoint import official_model, read_official_file
from tests.reference.official_gpt2 import Layout, OfficialModel

D_IN, WIDTH, HEADS, POINTS = 4, 24, 3, 7
POSITIONS: dict[Layout, int] = {"looped_transformer": 2 * POINTS + 1, "in-context-learning": 2 * POINTS + 26}
BACKBONE: dict[Layout, str] = {"looped_transformer": "_backbone.transformer.", "in-context-learning": "_backbone."}
LAYOUTS: list[Layout] = ["looped_transformer", "in-context-learning"]

both_layouts = pytest.mark.parametrize("layout", LAYOUTS)


def original(layout: Layout, *, layers: int = 2) -> OfficialModel:
    return OfficialModel(layout, d=D_IN, width=WIDTH, heads=HEADS, layers=layers, positions=POSITIONS[layout])


def prompts(points: int = POINTS) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(5)
    return torch.randn(6, points, D_IN, generator=random), torch.randn(6, points, generator=random)


def saved(content: Any) -> Path:
    path = Path("official.pt")
    torch.save(content, path)
    return path


def imported(content: Any, **settings: Any) -> LoopedTransformer:
    arguments: dict[str, Any] = {"heads": HEADS, **settings}
    return official_model(read_official_file(saved(content)), **arguments)


def state_file(model: OfficialModel) -> dict[str, Any]:
    optimiser = torch.optim.Adam(model.parameters(), lr=0.0)
    sum(parameter.sum() for parameter in model.parameters()).backward()  # pyright: ignore[reportAttributeAccessIssue] - a sum of tensors is a tensor
    optimiser.step()
    return {
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimiser.state_dict(),
        "train_step": 4000,
    }


@both_layouts
@pytest.mark.parametrize("layers", [1, 3])
def test_one_loop_is_the_original_standard_model(layout: Layout, layers: int) -> None:
    official = original(layout, layers=layers)
    ours = imported(official.state_dict())
    assert ours.config.architecture == "looped"
    assert (ours.config.L, ours.config.b, ours.config.d, ours.config.width) == (layers, 1, D_IN, WIDTH)
    assert ours.config.n == POSITIONS[layout] // 2
    xs, ys = prompts()
    expected = official(xs, ys)
    assert expected.std() > 0.1
    torch.testing.assert_close(ours(xs, ys, every_loop_plan(1)), expected, atol=1e-5, rtol=0)
    standard = imported(official.state_dict(), architecture="standard")
    torch.testing.assert_close(standard(xs, ys, every_loop_plan(1)), expected, atol=1e-5, rtol=0)


@both_layouts
@pytest.mark.parametrize("injection", ["add", "mul"])
def test_every_loop_is_the_original_looped_model(layout: Layout, injection: Any) -> None:
    official = original(layout, layers=1)
    ours = imported(official.state_dict(), injection=injection)
    xs, ys = prompts()
    expected = official(xs, ys, loops=5, injection=injection)
    torch.testing.assert_close(ours(xs, ys, every_loop_plan(5)), expected, atol=1e-5, rtol=0)


@both_layouts
def test_state_files_model_files_and_compiled_models(layout: Layout) -> None:
    official = original(layout)
    xs, ys = prompts()
    expected = imported(official.state_dict())(xs, ys, every_loop_plan(2))
    compiled = {f"_orig_mod.{key}": tensor for key, tensor in official.state_dict().items()}
    inside = {key.replace("_backbone.", "_backbone._orig_mod."): value for key, value in official.state_dict().items()}
    for content in (state_file(original(layout)), {"model": official.state_dict()}, compiled, {"model": inside}):
        model = imported(content)
        assert torch.equal(model(xs, ys, every_loop_plan(2)), expected)
    file = read_official_file(saved(state_file(official)))
    assert (file.step, file.layout) == (4000, layout)


def test_the_old_file_format_of_torch_is_read() -> None:
    official = original("looped_transformer")
    path = Path("old.pt")
    torch.save(official.state_dict(), path, _use_new_zipfile_serialization=False)
    xs, ys = prompts()
    ours = official_model(read_official_file(path), heads=HEADS)
    torch.testing.assert_close(ours(xs, ys, every_loop_plan(1)), official(xs, ys), atol=1e-5, rtol=0)


def test_a_backbone_without_biases_has_biases_of_zero() -> None:
    official = original("looped_transformer")
    names = [key for key in official.state_dict() if key.startswith("_backbone.") and key.endswith(".bias")]
    for name in names:
        official.get_parameter(name).data.zero_()
    kept = {key: tensor for key, tensor in official.state_dict().items() if key not in names}
    xs, ys = prompts()
    torch.testing.assert_close(imported(kept)(xs, ys, every_loop_plan(1)), official(xs, ys), atol=1e-5, rtol=0)


def test_a_mask_buffer_of_an_old_torch_is_no_weight() -> None:
    content = {**original("looped_transformer").state_dict()}
    content["_backbone.transformer.h.0.attn.bias"] = torch.ones(1, 1, 15, 15)
    assert imported(content).config.L == 2


def test_half_precision_weights_come_in_as_float32() -> None:
    official = original("in-context-learning").bfloat16()
    ours = imported(official.state_dict())
    assert all(parameter.dtype == torch.float32 for parameter in ours.parameters())
    xs, ys = prompts()
    torch.testing.assert_close(ours(xs, ys, every_loop_plan(1)), official.float()(xs, ys), atol=1e-5, rtol=0)


@both_layouts
def test_every_key_is_needed_and_its_shape_checked(layout: Layout) -> None:
    whole = original(layout).state_dict()
    buffers = ("wte.weight", ".attn.bias", ".attn.masked_bias")
    for key in whole:
        without = {name: tensor for name, tensor in whole.items() if name != key}
        if key.endswith(buffers):
            imported(without)
            continue
        with pytest.raises(InputError, match=r"missing|no _read_in") as missing:
            imported(without)
        assert key in str(missing.value)
        if key == "_read_in.weight":
            continue  # its second axis is d itself, whatever it is
        odd = torch.zeros(*whole[key].shape[:-1], whole[key].shape[-1] + 1)
        with pytest.raises(InputError) as shape:
            imported({**whole, key: odd})
        assert "shape" in str(shape.value)
        assert "\n" not in str(shape.value)


@both_layouts
def test_one_key_too_many_is_named(layout: Layout) -> None:
    whole = original(layout).state_dict()
    for key in (f"{BACKBONE[layout]}h.0.attn.rotary", "_extra.weight"):
        with pytest.raises(InputError, match=f"{key} is not part of the official"):
            imported({**whole, key: torch.zeros(2)})


def test_a_hole_in_the_layers_is_named() -> None:
    whole = original("looped_transformer", layers=3).state_dict()
    kept = {key: tensor for key, tensor in whole.items() if ".h.1." not in key}
    with pytest.raises(InputError, match=r"_backbone\.transformer\.h\.1\.ln_1\.weight is missing"):
        imported(kept)
    with pytest.raises(UsageError, match="L: must be at most 512"):
        imported({**whole, "_backbone.transformer.h.99999.ln_1.weight": torch.zeros(WIDTH)})


def test_linear_weights_in_the_other_orientation_are_refused() -> None:
    content = {
        key.replace("_backbone.transformer.", "_backbone."): tensor
        for key, tensor in original("looped_transformer").state_dict().items()
    }
    with pytest.raises(InputError, match=r"h\.0\.attn\.c_attn\.weight has shape \[72, 24\], needed: \[24, 72\]"):
        imported(content)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(UsageError, match="5 heads do not divide a width of 24; choose a divisor such as 4"):
        imported(original("looped_transformer").state_dict(), heads=5)


def test_two_outputs_are_no_regression() -> None:
    content = {**original("looped_transformer").state_dict(), "_read_out.weight": torch.zeros(2, WIDTH)}
    with pytest.raises(InputError, match=r"_read_out\.weight has shape \[2, 24\], needed: \[1, 24\]"):
        imported(content)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.full((WIDTH,), torch.nan), "not finite"),
        (torch.zeros(WIDTH, dtype=torch.int64), "not a dense tensor"),
        (torch.zeros(WIDTH, dtype=torch.complex64), "not a dense tensor"),
        (torch.zeros(WIDTH).to_sparse(), "not a dense tensor"),
        ([0.0] * WIDTH, "is list, no tensor"),
    ],
)
def test_values_that_are_no_weights_are_refused(value: Any, reason: str) -> None:
    key = "_backbone.transformer.ln_f.weight"
    with pytest.raises(InputError, match=f"_backbone.transformer.ln_f.weight.*{reason}"):
        imported({**original("looped_transformer").state_dict(), key: value})


class Trap:
    """Unpickling this would write a file."""

    def __reduce__(self) -> Any:
        return (open, ("sprung", "w"))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"model": {}, "trap": Trap()}, "io.open"),
        ({"model": {}, "loss": np.float64(1.0)}, "numpy"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
    ],
)
def test_anything_but_tensors_and_containers_is_refused_and_not_run(content: Any, named: str) -> None:
    path = saved(content)
    with pytest.raises(InputError, match="only tensors and plain containers are read") as refused:
        read_official_file(path)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Path("sprung").exists()


def test_a_file_that_torch_did_not_write_is_refused() -> None:
    whole = saved(original("looped_transformer").state_dict()).read_bytes()
    for content in (
        b"",
        b"not a checkpoint",
        whole[: len(whole) // 2],
        pickle.dumps(Trap()),
        b"PK\x03\x04" + whole[9:],
    ):
        Path("bad.pt").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.pt"):
            read_official_file(Path("bad.pt"))
    assert not Path("sprung").exists()
    with pytest.raises(InputError, match=r"cannot read absent\.pt"):
        read_official_file(Path("absent.pt"))
    with pytest.raises(InputError, match=r"cannot read \."):
        read_official_file(Path())


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], {}, {"a": torch.zeros(3)}, OrderedDict()])
def test_a_file_without_a_model_is_refused(content: Any) -> None:
    with pytest.raises(InputError, match=r"has no _read_in\.weight: it is not an official in-context model"):
        read_official_file(saved(content))
