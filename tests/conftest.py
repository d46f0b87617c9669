"""What every test shares: one thread (tests run side by side), nothing of the user's environment, and counts."""

from collections.abc import Callable

import pytest
import torch

_COUNT = "count of "


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Two workers share two cores; a thread each keeps them out of each other's way and the numbers fixed."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs land under the current folder, so each test has one of its own."""
    monkeypatch.chdir(str(tmp_path))


class Counts:
    """What a test has done how often: kills, inputs. The sums stand at the end of the session."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def add(self, what: str, number: int = 1) -> None:
        """Done so many times."""
        self._record(_COUNT + what, number)


@pytest.fixture
def counts(record_property: Callable[[str, object], None]) -> Counts:
    """`counts.add("kills", 3)`: shown at the end, from whichever process of the session it came."""
    return Counts(record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The sums of all counts."""
    sums: dict[str, int] = {}
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith(_COUNT) and report.when == "call":
                sums[name.removeprefix(_COUNT)] = sums.get(name.removeprefix(_COUNT), 0) + int(str(value))
    if sums:
        terminalreporter.section("counts")
        for what, number in sorted(sums.items()):
            terminalreporter.write_line(f"{number:>8} {what}")
