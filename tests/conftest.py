"""What every test shares: one thread (tests run side by side), and nothing of the user's environment."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Two workers share two cores; a thread each keeps them out of each other's way and the numbers fixed."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs land under the current folder, so each test has one of its own."""
    monkeypatch.chdir(str(tmp_path))
