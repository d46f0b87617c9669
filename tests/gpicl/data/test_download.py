"""Downloads from a server on this machine that behaves well, badly, or badly at first."""

import hashlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from icltool.core.errors import InputError
from icltool.gpicl.data import download
from icltool.gpicl.data.download import RemoteFile, fetch

CONTENT = bytes(range(256)) * 40
FILE = RemoteFile(name="images.gz", checksum=f"md5:{hashlib.md5(CONTENT).hexdigest()}")


class Mirror(BaseHTTPRequestHandler):
    """The first path segment says how it behaves."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        behaviour = self.path.split("/")[1]
        failing_once = behaviour == "flaky" and len(self.asked) == 1
        if behaviour == "missing":
            self.send_error(404)
            return
        content = CONTENT[:-1] + b"!" if behaviour == "wrong" else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        cut = behaviour == "cut" or failing_once
        self.wfile.write(content[: len(content) // 2] if cut else content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """The server's address and the paths it was asked for."""

    class Fresh(Mirror):
        asked: list[str] = []  # noqa: RUF012 - the handler is made anew for each request, the list for each server

    with ThreadingHTTPServer(("127.0.0.1", 0), Fresh) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", Fresh.asked
        http.shutdown()
        thread.join(10)
        assert not thread.is_alive(), "the server still serves"


def get(address: str, *behaviours: str, folder: Path, retries: int = 0) -> Path:
    mirrors = [f"{address}/{behaviour}/" for behaviour in behaviours]
    return fetch(FILE, mirrors=mirrors, folder=folder, retries=retries, allow_http=True)


def test_a_good_file_is_fetched_once(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = server
    for _ in range(2):
        assert get(address, "good", folder=tmp_path / "cache").read_bytes() == CONTENT
    assert asked == ["/good/images.gz"]


def test_a_file_damaged_on_disk_is_fetched_again(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = server
    (tmp_path / "images.gz").write_bytes(b"damaged")
    assert get(address, "good", folder=tmp_path).read_bytes() == CONTENT
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("behaviour", "message"), [("wrong", "its checksum is wrong"), ("cut", "broken|[Ii]ncomplete"), ("missing", "404")]
)
def test_a_bad_file_is_refused_and_leaves_nothing(
    server: tuple[str, list[str]], tmp_path: Path, behaviour: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        get(server[0], behaviour, folder=tmp_path)
    assert "cannot fetch images.gz" in str(error.value)
    assert "--data-dir" in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_end_is_broken_off(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", len(CONTENT) - 1)
    with pytest.raises(InputError, match=f"it sends more than {len(CONTENT) - 1} bytes"):
        get(server[0], "good", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_asked(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = server
    assert get(address, "missing", "cut", "wrong", "good", folder=tmp_path).read_bytes() == CONTENT
    assert [path.split("/")[1] for path in asked] == ["missing", "cut", "wrong", "good"]


def test_a_connection_cut_once_is_tried_again_in_silence(
    server: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def at_once(_seconds: float) -> None:
        """Between two tries nobody waits."""

    monkeypatch.setattr("time.sleep", at_once)
    address, asked = server
    assert get(address, "flaky", folder=tmp_path, retries=1).read_bytes() == CONTENT
    assert len(asked) == 2
    assert capfd.readouterr() == ("", "")


def test_only_https_is_spoken(tmp_path: Path) -> None:
    for mirror in ("http://example.org/", "ftp://example.org/", "/etc/"):
        with pytest.raises(InputError, match="is not an https address"):
            fetch(FILE, mirrors=["https://example.org/", mirror], folder=tmp_path)


def test_a_mirror_cannot_lead_away_from_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(_adapter: object, request: requests.PreparedRequest, **_: object) -> requests.Response:
        asked.append(str(request.url))
        response = requests.Response()
        response.status_code, response.url, response.request = 302, str(request.url), request
        response.headers["location"] = ["/elsewhere", "http://example.org/images.gz"][len(asked) - 1]
        response.raw = io.BytesIO()
        return response

    # In place of the wire: no test goes out, and this machine has no certificate.
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", answer)
    with pytest.raises(InputError, match=r"it leads to http://example.org/images.gz, which is not an https address"):
        fetch(FILE, mirrors=["https://example.org/"], folder=tmp_path)
    assert asked == ["https://example.org/images.gz", "https://example.org/elsewhere"]
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot fetch images.gz \(http://127.0.0.1:9/x/: .*refused\); check"):
        get("http://127.0.0.1:9", "x", folder=tmp_path)
