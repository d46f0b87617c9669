"""Tensor files: equal content gives equal bytes; what is damaged, foreign or newer is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from icltool.core.errors import InputError
from icltool.core.tensor_files import read_plain_tensors, read_tensor_file, write_tensor_file
from icltool.core.tensor_header import MAX_HEADER_BYTES, read_header, tensor_shapes

FILE = Path("file.safetensors")
TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3, dtype=torch.int64)}
HEADER: dict[str, Any] = {"study": "toy", "config": {"b": 2, "T": None}, "name": "é"}
READERS = [read_header, read_tensor_file, read_plain_tensors, tensor_shapes]


def raw(header: bytes, *, data: bytes = b"", claimed: int | None = None) -> bytes:
    """A safetensors file put together by hand: 8 bytes of header length, header, data."""
    return (len(header) if claimed is None else claimed).to_bytes(8, "little") + header + data


def save_with(metadata: Mapping[str, str]) -> None:
    FILE.write_bytes(safetensors.torch.save({"a": torch.zeros(2)}, metadata=dict(metadata)))


def test_what_was_written_comes_back():
    write_tensor_file(FILE, TENSORS, HEADER)
    read = read_tensor_file(FILE)
    assert read.header == read_header(FILE) == {**HEADER, "format": 1}
    assert set(read.tensors) == set(TENSORS)
    assert all(torch.equal(read.tensors[name], TENSORS[name]) for name in TENSORS)
    assert {name: tensor.dtype for name, tensor in read.tensors.items()} == {"a": torch.float32, "b": torch.int64}
    assert tensor_shapes(FILE) == {"a": (2, 3), "b": ()}


def test_equal_content_gives_equal_bytes_and_one_metadata_key():
    write_tensor_file(FILE, TENSORS, HEADER)
    first = FILE.read_bytes()
    write_tensor_file(FILE, {"b": TENSORS["b"], "a": TENSORS["a"].T.contiguous().T}, dict(reversed(HEADER.items())))
    assert FILE.read_bytes() == first
    length = int.from_bytes(first[:8], "little")
    assert list(json.loads(first[8 : 8 + length])["__metadata__"]) == ["icltool"]


@given(cut=st.integers(min_value=0))
def test_no_truncated_file_is_read(cut: int, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("cut") / "file.safetensors"
    write_tensor_file(path, TENSORS, HEADER)
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    for read in (read_tensor_file, read_plain_tensors, tensor_shapes):
        with pytest.raises(InputError, match=r"file.safetensors .*truncated"):
            read(path)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "truncated"),
        (b"PK\x03\x04 a zip file, as torch.save writes", "icltool import-checkpoint brings"),
        (raw(b"{}", claimed=2**63), "truncated or not a safetensors file"),
        (raw(b"abcd"), "header is not JSON"),
        (raw(b"[1]"), "header is not a table"),
        (raw(b"[" * 100_000), "header is not JSON"),
        (raw(b"\xff\xfe"), "header is not JSON"),
    ],
)
def test_what_is_no_safetensors_file(read: Any, content: bytes, said: str):
    FILE.write_bytes(content)
    with pytest.raises(InputError, match=f"file.safetensors .*{said}"):
        read(FILE)


def test_a_huge_header_is_not_read():
    with FILE.open("wb") as stream:
        stream.write((MAX_HEADER_BYTES + 1).to_bytes(8, "little"))
        stream.truncate(MAX_HEADER_BYTES + 100)  # sparse: takes no room
    with pytest.raises(InputError, match=f"claims a header of {MAX_HEADER_BYTES + 1} bytes"):
        read_header(FILE)


@pytest.mark.parametrize("read", READERS)
def test_a_missing_path_and_a_folder(read: Any):
    with pytest.raises(InputError, match=r"cannot read none: No such file or directory; check the path"):
        read(Path("none"))
    with pytest.raises(InputError, match=r"is a folder; give a .safetensors file in it"):
        read(Path())


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}])
def test_a_foreign_file_has_tensors_but_no_header(metadata: dict[str, str]):
    save_with(metadata)
    assert tensor_shapes(FILE) == {"a": (2,)}
    assert torch.equal(read_plain_tensors(FILE)["a"], torch.zeros(2))
    for read in (read_header, read_tensor_file):
        with pytest.raises(InputError, match=r"not one that icltool wrote"):
            read(FILE)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ('{"format": 2}', r"format 2, newer than this icltool reads \(1\); update icltool"),
        ('{"format": 0}', "without a format version"),
        ('{"format": true}', "without a format version"),
        ('{"format": "1"}', "without a format version"),
        ("{}", "without a format version"),
        ("[]", "without a format version"),
        ("{", "damaged icltool header"),
        ("[" * 100_000, "damaged icltool header"),
    ],
)
def test_a_header_that_is_newer_or_damaged(header: str, said: str):
    save_with({"icltool": header})
    for read in (read_header, read_tensor_file):
        with pytest.raises(InputError, match=said):
            read(FILE)


def test_a_lying_table_of_tensors():
    """Offsets beyond the data, and a shape that does not fit its bytes."""
    for shape, end in (([2], 8_000), ([3], 8), ([2**62], 8)):
        entry = {"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}
        FILE.write_bytes(raw(json.dumps(entry).encode(), data=bytes(8)))
        with pytest.raises(InputError, match=r"truncated or damaged"):
            read_plain_tensors(FILE)
