"""Atomic writes: the new content or the old, never a part, and nothing left behind."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icltool.core.errors import InputError, OutputError
from icltool.core.files import make_folder, sha256_of, write_atomically


def no_space(*_: object, **__: object) -> NoReturn:
    """What every write says on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@given(first=st.binary(max_size=2000), second=st.binary(max_size=2000))
def test_the_last_content_stands(first: bytes, second: bytes, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("files") / "file"
    for content in (first, second):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("broken", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_full_disk_leaves_what_was_there(
    broken: str, before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    monkeypatch.setattr(broken, no_space)
    with pytest.raises(OutputError) as raised:
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert str(raised.value) == f"cannot write {path}: No space left on device; what was there before is intact"
    assert [file.read_bytes() for file in path.parent.iterdir()] == ([] if before is None else [before])


def test_a_target_that_is_a_folder_stays_one():
    Path("folder").mkdir()
    Path("folder/inside").touch()
    with pytest.raises(OutputError, match=r"cannot write folder: "):
        write_atomically(Path("folder"), b"new")
    assert [str(file) for file in sorted(Path().rglob("*"))] == ["folder", "folder/inside"]


def test_a_folder_that_cannot_be():
    Path("file").touch()
    make_folder(Path("a/b"))
    make_folder(Path("a/b"))
    for path in ("file", "file/below", "x" * 300):
        with pytest.raises(OutputError, match=f"cannot create the folder {path}: .*; choose another --out"):
            make_folder(Path(path))


def test_a_checksum_is_of_the_content():
    Path("file").write_bytes(b"abc")
    # The digest of FIPS 180-2's first example.
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(Path("file")) == f"sha256:{digest}"
    with pytest.raises(InputError, match=r"cannot read none: No such file or directory; check the path"):
        sha256_of(Path("none"))
    with pytest.raises(InputError, match=r"cannot read \.: Is a directory; give a file in it"):
        sha256_of(Path())
