"""The user's own data: read exactly, or refused with the place of what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from icltool.core.errors import InputError
from icltool.regression.data.user_prompts import read_user_prompts

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=6))
def test_a_csv_is_read_to_the_last_bit(points: list[tuple[float, float, float]]):
    lines = ["x1,y,x2", *(f"{x1!r},{y!r},{x2!r}" for x1, y, x2 in points)]
    Path("data.csv").write_text("\n".join(lines))
    prompts = read_user_prompts(Path("data.csv"))
    table = np.array(points, dtype=np.float32)
    assert np.array_equal(prompts.xs.numpy(), table[None, :, [0, 2]])
    assert np.array_equal(prompts.ys.numpy(), table[None, :, 1])


@pytest.mark.parametrize(
    "content",
    [
        b"a,b,y\n1,2,3\n4,5,6\n",
        b"\xef\xbb\xbfa,b,y\r\n1,2,3\r\n4,5,6\r\n",
        b"a,b,y\n\n1,2,3\n\n\n4,5,6",
        b'"a"," b ",y \n"1", 2,3e0\n 4,+5.0,6\n',
    ],
)
def test_ways_to_write_the_same_csv(content: bytes):
    Path("DATA.CSV").write_bytes(content)
    prompts = read_user_prompts(Path("DATA.CSV"))
    assert prompts.xs.tolist() == [[[1, 2], [4, 5]]]
    assert prompts.ys.tolist() == [[3, 6]]


def test_the_last_y_may_be_empty():
    Path("data.csv").write_text("x,y\n1,2\n3, \n")
    assert read_user_prompts(Path("data.csv")).ys.tolist() == [[2, 0]]
    Path("data.csv").write_text("x,y\n3,\n")
    assert read_user_prompts(Path("data.csv")).xs.tolist() == [[[3]]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "data.csv is empty"),
        (b"\n\n", "data.csv is empty"),
        (b" , \n1,2\n", "data.csv is empty"),
        (b"x,y\n", "a header but no points"),
        (b"x1,x2\n1,2\n", "0 columns named y.*x1, x2"),
        (b"x;y\n1;2\n", "0 columns named y.*commas"),
        (b"1,2\n3,4\n", "0 columns named y"),
        (b"y,x,y\n1,2,3\n", "2 columns named y"),
        (b"y\n1\n", "no coordinate of x"),
        (b"x,y\n1,\n2,3\n", "line 2, column y: empty"),
        (b"x,y\n1,2\n,3\n", "line 3, column x: empty"),
        (b"x,y\n\n\n1,two\n", "line 4, column y: 'two' is not a number"),
        (b"x,y\n1,nan\n", "line 2, column y: 'nan' is not a finite number"),
        (b"x,y\n-inf,2\n", "line 2, column x: '-inf' is not a finite number"),
        (b"x,y\n1,1e999\n", "line 2, column y: '1e999' is not a finite number"),
        (b"x,y\n1,2\n\n1e39,2\n", "line 4: a number is too large for 32 bits"),
        (b"x,y\n1\n", "line 2: 1 values for 2 columns"),
        (b"x,y\n1,2,3\n", "line 2: 3 values for 2 columns"),
        (b'x,y\n"1,2\n', "not a CSV file"),
        (b"x,y\n1,\xff\n", "not a CSV file"),
        ("x,y\n1,2\n".encode("utf-16"), "not a CSV file"),
        (b"x,y\n" + b"1" * 200_000 + b",2\n", "not a CSV file"),
        (b"x,y\n1,\x00\n", "data.csv"),
    ],
)
def test_a_bad_csv_is_refused_with_its_place(content: bytes, said: str):
    Path("data.csv").write_bytes(content)
    with pytest.raises(InputError, match=said) as raised:
        read_user_prompts(Path("data.csv"))
    assert "data.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool])
def test_tensors_of_any_real_type_become_floats(kind: torch.dtype):
    xs, ys = torch.tensor([[[0, 1], [1, 1]]]).to(kind), torch.tensor([[1, 0]]).to(kind)
    save_file({"xs": xs, "ys": ys, "unused": torch.zeros(1)}, "data.safetensors")
    prompts = read_user_prompts(Path("data.safetensors"))
    assert (prompts.xs.dtype, prompts.ys.dtype) == (torch.float32, torch.float32)
    assert prompts.xs.tolist() == [[[0, 1], [1, 1]]]
    assert prompts.ys.tolist() == [[1, 0]]


NAN = torch.tensor([[0.0, 0.0], [0.0, float("nan")]])


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "no tensor 'xs'"),
        ({"xs": torch.zeros(1, 2, 3)}, "no tensor 'ys'"),
        ({"xs": torch.zeros(2, 3), "ys": torch.zeros(2)}, r"xs has shape \[2, 3\]"),
        ({"xs": torch.zeros(()), "ys": torch.zeros(())}, r"xs has shape \[\]"),
        ({"xs": torch.zeros(2, 3, 4), "ys": torch.zeros(2, 4)}, r"ys \[2, 4\]"),
        ({"xs": torch.zeros(2, 3, 4), "ys": torch.zeros(2, 3, 1)}, r"ys \[2, 3, 1\]"),
        ({"xs": torch.zeros(0, 3, 4), "ys": torch.zeros(0, 3)}, "not empty"),
        ({"xs": torch.zeros(2, 3, 0), "ys": torch.zeros(2, 3)}, "not empty"),
        ({"xs": torch.zeros(2, 2, 1), "ys": NAN}, r"ys\[1, 1\] is nan, not a finite number"),
        ({"xs": torch.zeros(1, 1, 1) - torch.inf, "ys": torch.zeros(1, 1)}, r"xs\[0, 0, 0\] is -inf, not a finite"),
        ({"xs": torch.full((1, 1, 1), torch.inf).double(), "ys": torch.zeros(1, 1)}, "not a finite number"),
        ({"xs": torch.full((1, 1, 1), 1e39, dtype=torch.float64), "ys": torch.zeros(1, 1)}, "too large for 32 bits"),
        ({"xs": torch.zeros(1, 1, 1, dtype=torch.complex64), "ys": torch.zeros(1, 1)}, "xs is complex"),
    ],
)
def test_tensors_that_are_no_prompts(tensors: dict[str, Tensor], said: str):
    save_file(tensors, "data.safetensors")
    with pytest.raises(InputError, match=rf"data\.safetensors.*{said}"):
        read_user_prompts(Path("data.safetensors"))


@pytest.mark.parametrize("name", ["data.txt", "data", "data.npz", "-"])
def test_other_formats_are_refused(name: str):
    with pytest.raises(InputError, match=r"not a data format; give a \.safetensors file"):
        read_user_prompts(Path(name))


@pytest.mark.parametrize("name", ["none.csv", "none.safetensors"])
def test_a_missing_file(name: str):
    with pytest.raises(InputError, match=f"cannot read {name}: No such file"):
        read_user_prompts(Path(name))


def test_a_file_too_large_to_be_a_prompt():
    with Path("data.csv").open("wb") as stream:
        stream.truncate(100_000_001)  # sparse: takes no room
    with pytest.raises(InputError, match=r"larger than 100000000 bytes"):
        read_user_prompts(Path("data.csv"))
