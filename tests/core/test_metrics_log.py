"""metrics.jsonl: rows come back as written; a line cut off by a crash is not a row."""

from pathlib import Path

import pytest

from icltool.core.errors import InputError, OutputError
from icltool.core.metrics_log import append_rows, drop_rows_after, read_rows

LOG = Path("metrics.jsonl")
ROWS = [{"step": 10, "loss": 1.5}, {"step": 20, "loss": None}, {"step": 30, "loss": 0.1}]


def test_rows_come_back():
    assert read_rows(LOG) == []
    append_rows(LOG, [])
    assert not LOG.exists()
    append_rows(LOG, ROWS[:1])
    append_rows(LOG, ROWS[1:])
    assert read_rows(LOG) == ROWS


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_cut_off_last_line_is_left_out(cut: int):
    append_rows(LOG, ROWS)
    whole = LOG.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    assert len(last) == 26
    LOG.write_bytes(whole[: len(whole) - 26 + cut])
    assert read_rows(LOG) == ROWS[:2]


@pytest.mark.parametrize(
    "junk", [b"\xff\xfe\n", b"[1, 2]\n", b'{"loss": 1}\n', b'{"step": "x"}\n', b"\n", b"[" * 100000 + b"\n"]
)
def test_lines_that_are_no_rows_are_left_out(junk: bytes):
    append_rows(LOG, ROWS[:1])
    with LOG.open("ab") as stream:
        stream.write(junk)
    append_rows(LOG, ROWS[1:])
    assert read_rows(LOG) == ROWS


def test_a_resumed_run_drops_what_it_will_write_again():
    drop_rows_after(LOG, 5)
    assert not LOG.exists()
    append_rows(LOG, ROWS)
    with LOG.open("a") as stream:
        stream.write('{"step": 4')
    drop_rows_after(LOG, 20)
    append_rows(LOG, [{"step": 30, "loss": 7.0}])
    assert read_rows(LOG) == [*ROWS[:2], {"step": 30, "loss": 7.0}]


def test_a_log_that_cannot_be_used():
    LOG.mkdir()
    with pytest.raises(OutputError, match=r"cannot write metrics.jsonl: Is a directory"):
        append_rows(LOG, ROWS)
    with pytest.raises(InputError, match=r"cannot read metrics.jsonl: Is a directory"):
        read_rows(LOG)


def test_a_file_of_any_size_is_not_read(monkeypatch: pytest.MonkeyPatch):
    append_rows(LOG, ROWS)
    monkeypatch.setattr("icltool.core.metrics_log.MAX_BYTES", LOG.stat().st_size)
    assert read_rows(LOG) == ROWS
    LOG.write_bytes(LOG.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"metrics\.jsonl is \d+ bytes; at most \d+ are read"):
        read_rows(LOG)
    with pytest.raises(InputError, match=r"metrics\.jsonl is \d+ bytes"):
        drop_rows_after(LOG, 10)
