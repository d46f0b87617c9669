"""Compiling the package's C++: once, a library of what it was made from, and one line when it fails."""

import ctypes
from pathlib import Path

import pytest

from icltool.core import compiler
from icltool.core.compiler import CompilerError, compiled_library, find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C++ compiler")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "user_cache_path", lambda _name: tmp_path / "cache")  # pyright: ignore[reportUnknownLambdaType] - a stand-in


def source(folder: Path, *, answer: int) -> Path:
    (folder / "answer.h").write_text(f"constexpr int ANSWER = {answer};")
    (folder / "answer.cpp").write_text('#include "answer.h"\nextern "C" int answer() { return ANSWER; }')
    return folder / "answer.cpp"


def test_made_once_and_again_when_a_header_changes(tmp_path: Path) -> None:
    first = compiled_library(source(tmp_path, answer=1))
    assert first.parent == tmp_path / "cache" / "kernels"
    made = first.stat().st_mtime_ns
    assert compiled_library(source(tmp_path, answer=1)) == first
    assert first.stat().st_mtime_ns == made
    second = compiled_library(source(tmp_path, answer=2))
    assert second != first
    assert [ctypes.CDLL(str(library)).answer() for library in (first, second)] == [1, 2]


def test_a_failure_names_the_compiler_and_the_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.cpp"
    broken.write_text("int f( { }")
    with pytest.raises(CompilerError, match=r"failed: .*broken\.cpp:1.* error"):
        compiled_library(broken)
    assert [file.suffix for file in (tmp_path / "cache" / "kernels").iterdir()] == [".lock"]
