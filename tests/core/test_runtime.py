"""What preparing a machine says of it."""

import pytest
import torch

from icltool.core.runtime import prepare
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
