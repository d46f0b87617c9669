"""What preparing a machine says of it."""

import os

import pytest
import torch
import torch._inductor.config

from icltool.core import runtime
from icltool.core.errors import UsageError
from icltool.core.runtime import prepare, restored_process
from icltool.core.runtime_config import RuntimeConfig


@pytest.mark.parametrize(
    ("precision", "capabilities", "warned"),
    [
        ("bf16", {"avx2": True, "avx512_bf16": False, "amx_bf16": False}, True),
        ("bf16", {"avx512_bf16": True, "amx_bf16": False}, False),
        ("f32", {"avx512_bf16": False}, False),
    ],
)
def test_bf16_without_products_for_it_is_said_to_be_slow(
    precision: str,
    capabilities: dict[str, bool],
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    config = RuntimeConfig.model_validate({"precision": precision, "device": "cpu", "threads": 1})
    assert prepare(config).precision == precision
    assert ("no bf16 products" in caplog.text) == warned


def test_a_torch_that_cannot_tell_of_bf16_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    prepare(RuntimeConfig.model_validate({"precision": "bf16", "device": "cpu", "threads": 1}))
    assert caplog.text == ""


def test_a_run_puts_back_what_it_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> list[object]:
        workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
        filled = torch.utils.deterministic.fill_uninitialized_memory  # pyright: ignore[reportAttributeAccessIssue] - a property torch installs on the module
        compiled = torch._inductor.config.deterministic
        return [torch.get_num_threads(), torch.get_deterministic_debug_mode(), compiled, filled, workspace]

    def change() -> None:
        prepare(RuntimeConfig(device="cpu", threads=threads + 1))
        # What `prepare` does for a GPU.
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        assert state() == [threads + 1, 2, True, False, ":4096:8"]
        raise UsageError("a run that fails")

    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    threads = torch.get_num_threads()
    for mode, fills in ((0, True), (1, False)):
        with restored_process():
            torch.use_deterministic_algorithms(mode > 0, warn_only=mode == 1)
            torch.utils.deterministic.fill_uninitialized_memory = fills  # pyright: ignore[reportAttributeAccessIssue] - as above
            before = state()
            with pytest.raises(UsageError), restored_process():
                change()
            assert state() == before


def test_memory_is_held_only_in_a_process_of_icltools(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    monkeypatch.setattr(runtime, "keep_freed_memory", lambda: held.append(True))
    for whole, allocator, times in ((False, "keep", 0), (True, "system", 0), (True, "keep", 1)):
        monkeypatch.setattr(runtime, "is_whole", lambda whole=whole: whole)
        prepare(RuntimeConfig.model_validate({"device": "cpu", "threads": 1, "allocator": allocator}))
        assert len(held) == times
