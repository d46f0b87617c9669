"""A disk that is full, gone or not ours, a folder that two want, and a clock that jumps."""

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from icltool.core.errors import OutputError
from icltool.core.tensor_files import read_tensor_file
from icltool.core.toml_files import read_toml
from icltool.sweep.engines.worker import Job, Outcome, do_job
from icltool.sweep.execute import execute
from icltool.sweep.plan import plan_sweep
from icltool.sweep.recipe import parse_recipe
from tests.conftest import Counts
from tests.faults.victims import STUDIES, Victim, finished, job, left_in, whole_and_duration
from tests.waiting import PATIENCE, wait_until

# A disk may be full only after the end; so many times as many are tried.
TRIES = 10
FEWEST_SHORT_WRITES = 4


def assert_whole(folder: Path) -> None:
    """Every file that is there can be read: the old content or the new, never a part."""
    if not folder.exists():
        return
    for file in folder.glob("*.safetensors"):
        read_tensor_file(file)
    if (folder / "config.toml").exists():
        assert read_toml(folder / "config.toml")["study"]
    assert [file.name for file in folder.iterdir() if file.name.endswith(".tmp")] == []


@pytest.mark.parametrize("study", STUDIES)
def test_no_save_fits_on_the_disk(study: str, tmp_path: Path, counts: Counts) -> None:
    """Each file of a run in turn is one byte too large, from the first that is written to the last."""
    whole = finished(job(study, tmp_path / "whole"))
    work = job(study, tmp_path / "cut")
    sizes = {file.stat().st_size for file in (tmp_path / "whole").iterdir()}
    failures = 0
    for size in sorted({0, *(size // 2 for size in sizes), *(size - 1 for size in sizes if size)}):
        outcome = Victim.start(work, file_bytes=size).outcome()
        if outcome.status == "finished":
            break
        # Without a byte to write, libraries fail before a run does, for want of a temporary file.
        assert outcome.error.startswith("cannot write ") or (size == 0 and "temporary" in outcome.error), outcome
        assert "internal error" not in outcome.error
        assert_whole(work.folder)
        failures += 1
    assert failures >= FEWEST_SHORT_WRITES
    assert finished(work) == whole
    counts.add(f"short writes of {study}, gone on to equal bytes", failures)


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.parametrize("study", STUDIES)
def test_the_disk_is_full_at_a_random_moment(study: str, times: int, tmp_path: Path, counts: Counts) -> None:
    chance = random.Random(f"disk {study} {times}")
    whole, duration = whole_and_duration(study, tmp_path)
    work = job(study, tmp_path / "cut")
    failures = 0
    for _ in range(TRIES * times):
        victim = Victim.start(work)
        victim.process.join(chance.uniform(0.0, duration))
        victim.full_disk_now(chance.randrange(2000))
        outcome = victim.outcome()
        if outcome.status == "finished":
            assert left_in(work.folder) == whole
            shutil.rmtree(work.folder)
            continue
        assert outcome.error.startswith("cannot write "), outcome
        assert_whole(work.folder)
        failures += 1
        if failures == times:
            break
    assert failures == times, "too few disks were full before the end of the run"
    assert finished(work) == whole
    counts.add(f"full disks under {study}, gone on to equal bytes", failures)


def test_the_result_of_a_sweep_does_not_fit(tmp_path: Path, counts: Counts) -> None:
    """All runs are done: what was there before is intact, and with room again the same sweep answers at once."""

    def here(jobs: Sequence[Job], **_: object) -> tuple[list[Outcome], int | None]:
        return [do_job(job) for job in jobs], None

    stage = {"name": "s", "study": "double-descent", "settings": job("double-descent", tmp_path).settings}
    recipe = parse_recipe({"claim": "0", "title": "A test", "stage": [stage]}, where="r")
    planned = plan_sweep("r", recipe, scale=None, folder=tmp_path / "sweep", where="r")
    file = execute(planned, at_once=1, engine=here).path
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for there in (True, False):
        if not there:
            file.unlink()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 1, limits[1]))
        try:
            with pytest.raises(OutputError, match=rf"cannot write {file}: File too large"):
                execute(planned, at_once=1, engine=here)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (file.read_bytes() if file.exists() else None) == (before if there else None)
        assert_whole(planned.runs[0].folder)
        assert sorted(entry.name for entry in planned.folder.iterdir() if entry.name.endswith(".tmp")) == []
    assert execute(planned, at_once=1, engine=here).path.read_bytes() == before
    counts.add("short writes of a sweep's result, gone on to equal bytes", 2)


PAGE = 4096


class Disk:
    """A file system of 1 MiB, of which a file takes what is to be left of it to nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        self._ballast.touch()

    def leave(self, free_bytes: int) -> None:
        """From now on so many bytes are free, in whole pages."""
        self._ballast.write_bytes(b"")
        sizes = os.statvfs(self.folder)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, sizes.f_bavail * sizes.f_frsize - free_bytes))


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Disk]:
    """Where the machine lets a test mount one; CI's must."""
    folder = tmp_path / "disk"
    folder.mkdir()
    # A test asks for more than its user's rights on a machine of CI only.
    in_ci = "CI" in os.environ
    rights = ["sudo", "-n"] if in_ci and os.geteuid() != 0 else []
    options = "size=1m,mode=777"
    mount = [*rights, "mount", "-t", "tmpfs", "-o", options, "icltool-test", str(folder)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True, timeout=30)
    if mounted.returncode and not in_ci:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    assert mounted.returncode == 0, mounted.stderr
    try:
        yield Disk(folder)
    finally:
        subprocess.run([*rights, "umount", "--lazy", str(folder)], check=True, timeout=30)


@pytest.mark.parametrize("study", STUDIES)
def test_a_file_system_is_full(study: str, disk: Disk, tmp_path: Path, counts: Counts) -> None:
    """The run's own saves fill it; with each few pages more the run comes further, at last to its end."""
    outside = job(study, tmp_path / "whole")
    whole = finished(outside)
    work = replace(outside, folder=disk.folder / "cut")
    failures = 0
    for pages in range(0, 256, 4):
        disk.leave(PAGE * pages)
        saved = (work.folder / "resume.safetensors").exists()
        outcome = Victim.start(work).outcome()
        if outcome.status == "finished":
            break
        assert outcome.error.startswith("cannot write "), outcome
        assert "No space left on device" in outcome.error, outcome
        assert (work.folder / "resume.safetensors").exists() or not saved
        assert_whole(work.folder)
        failures += 1
    assert failures > 1
    assert left_in(work.folder) == whole
    counts.add(f"full file systems under {study}, gone on to equal bytes", failures)


def pages_for_a_save(work: Job, disk: Disk) -> int:
    """The fewest free pages with which the run fails after it has saved; nothing of it is left."""
    for pages in range(0, 256, 2):
        disk.leave(PAGE * pages)
        assert Victim.start(work).outcome().status == "failed"
        saved = (work.folder / "resume.safetensors").exists()
        shutil.rmtree(work.folder)
        if saved:
            return pages
    raise AssertionError("it never saved")


@pytest.mark.parametrize("study", ["train", *(pytest.param(name, marks=pytest.mark.long) for name in STUDIES[1:])])
def test_a_command_on_a_full_file_system(study: str, disk: Disk, tmp_path: Path) -> None:
    """One line and exit code 1 after some saves; with room again `--resume` ends in the bytes of an undisturbed run."""
    outside = job(study, tmp_path / "whole")
    whole = finished(outside)
    cut = disk.folder / "cut"
    settings = dict(outside.settings)
    words = [str(settings.pop("checkpoint"))] if "checkpoint" in settings else []
    words += [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    command = [sys.executable, "-m", "icltool", study, *words, "--out", str(cut), "--quiet"]
    disk.leave(PAGE * pages_for_a_save(replace(outside, folder=cut), disk))
    full = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert (full.returncode, full.stdout) == (1, ""), full
    assert full.stderr.startswith("error: cannot write "), full.stderr
    assert len(full.stderr.splitlines()) == 1, full.stderr
    assert (cut / "resume.safetensors").exists()
    assert_whole(cut)
    disk.leave(2**19)
    subprocess.run([*command, "--resume"], check=True, timeout=PATIENCE)
    assert left_in(cut) == whole


@pytest.mark.parametrize("rounds", [2, pytest.param(30, marks=pytest.mark.long)])
def test_two_on_one_folder(rounds: int, tmp_path: Path, counts: Counts) -> None:
    chance = random.Random(f"two {rounds}")
    whole = finished(job("train", tmp_path / "whole"))
    refused = 0
    for turn in range(rounds):
        work = job("train", tmp_path / f"shared-{turn}")
        first = Victim.start(work)
        time.sleep(chance.uniform(0.0, 0.1))
        outcomes = [Victim.start(work).outcome(), first.outcome()]
        for outcome in outcomes:
            assert outcome.status == "finished" or "is in use by another icltool process" in outcome.error, outcome
        refused += sum(outcome.status != "finished" for outcome in outcomes)
        assert left_in(work.folder) == whole
    assert refused > 0, "they were never at work at once"
    counts.add("seconds on one folder, refused", refused)


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.parametrize("study", STUDIES)
def test_the_folder_vanishes(study: str, times: int, tmp_path: Path, counts: Counts) -> None:
    chance = random.Random(f"gone {study} {times}")
    whole = finished(job(study, tmp_path / "whole"))
    vanished = 0
    for _ in range(TRIES * times):
        work = job(study, tmp_path / "cut")
        victim = Victim.start(work)
        wait_until(lambda w=work, v=victim: saved_or_ended(w, v), "a save")
        victim.process.join(chance.uniform(0.0, 0.1))
        # Another's rename is quicker than a removal file by file, and leaves nothing behind.
        work.folder.rename(tmp_path / f"gone-{vanished}")
        outcome = victim.outcome()
        if outcome.status == "failed":
            assert outcome.error.startswith("cannot write "), outcome
            vanished += 1
            (tmp_path / f"gone-{vanished - 1}").rename(work.folder)
            assert finished(work) == whole
        shutil.rmtree(work.folder, ignore_errors=True)
        shutil.rmtree(tmp_path / f"gone-{vanished}", ignore_errors=True)
        if vanished == times:
            break
    assert vanished == times, "too few folders were gone before the end of the run"
    counts.add(f"folders gone under {study}", vanished)


def saved_or_ended(work: Job, victim: Victim) -> bool:
    return (work.folder / "resume.safetensors").exists() or not victim.process.is_alive()


def test_where_nothing_can_be_written(tmp_path: Path, counts: Counts) -> None:
    (tmp_path / "file").touch()
    places = [
        tmp_path / "file",
        tmp_path / "file" / "below",
        Path("/proc/icltool"),
        Path("/sys/icltool"),
        Path("/dev/null"),
    ]
    for place in places:
        for study in STUDIES:
            outcome = do_job(replace(job(study, tmp_path / study), folder=place))
            assert outcome.status == "failed"
            assert outcome.error.startswith(("cannot ", f"{place} is a file")), outcome
    counts.add("unwritable folders", len(places) * len(STUDIES))


def test_the_clock_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counts) -> None:
    """The wall clock back and forth by days, and the steady one forward, as after a suspended night."""
    chance = random.Random("clock")
    jumps = 0

    def jumping(clock: Callable[[], float], least: float, most: float) -> Callable[[], float]:
        shift = 0.0

        def now() -> float:
            nonlocal shift, jumps
            if chance.random() < 0.1:
                shift += chance.uniform(least, most)
                jumps += 1
            return clock() + shift

        return now

    for study in STUDIES:
        whole = finished(job(study, tmp_path / "whole" / study))
        with monkeypatch.context() as patch:
            patch.setattr("time.time", jumping(time.time, -1e6, 1e6))
            for name in ("time.perf_counter", "time.monotonic", "time.process_time"):
                patch.setattr(name, jumping(getattr(time, name.removeprefix("time.")), 0.0, 1e5))
            outcome = do_job(job(study, tmp_path / "jumping" / study))
        assert outcome.status == "finished", outcome
        assert left_in(tmp_path / "jumping" / study) == whole
    assert jumps > 0
    counts.add("jumps of the clock", jumps)
