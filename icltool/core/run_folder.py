"""A run's folder: who may write in it, whether it is new, unfinished or finished, and what its files are called."""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from filelock import FileLock, Timeout

from icltool.core.config import Config, config_hash, first_difference
from icltool.core.errors import InputError, OutputError, RunFolderError, UsageError
from icltool.core.files import make_folder, remove_leftovers, write_atomically
from icltool.core.result import Result, Row, Value, load_result
from icltool.core.study import LEFT_BY_STUDIES, RunRequest, Study
from icltool.core.toml_files import read_toml, to_toml

LOCK = ".lock"
CONFIG = "config.toml"
STUDY_KEY = "study"
INPUTS_KEY = "inputs"
# What any run may leave beside its config.toml. --force removes these and what studies declare (`Study.leaves`), and no
# file of the user's.
RUN_FILES = (
    "result.json",
    "model.safetensors",
    "resume.safetensors",
    "metrics.jsonl",
    "figure.html",
    "report.html",
    "predictions.safetensors",
    "predictions.csv",
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a study found: the run's name in legends, the few numbers to print, the rows to plot, and the machine.

    `settings` are what a result says beside the study's own settings: those of the model that it read.
    """

    label: str
    summary: Mapping[str, Value]
    records: Sequence[Row]
    environment: Mapping[str, Value]
    settings: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """An open run folder of a study with these settings, locked by this process."""

    path: Path
    study: Study
    config: Config
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    finished: bool = False

    @property
    def model(self) -> Path:
        """The model, as later commands read it."""
        return self.path / "model.safetensors"

    @property
    def resume_state(self) -> Path:
        """What an unfinished run goes on from; removed when the run finishes."""
        return self.path / "resume.safetensors"

    @property
    def metrics(self) -> Path:
        """One row a logged step."""
        return self.path / "metrics.jsonl"

    @property
    def figure(self) -> Path:
        """The figures of the result."""
        return self.path / "figure.html"

    def result(self) -> Result:
        """The result a finished run left."""
        return load_result(self.path)

    def finish(self, measured: Measured) -> Result:
        """Write result.json, the last file of a run, and remove the state that an unfinished run goes on from."""
        result = Result(
            kind=self.study.name,
            label=measured.label,
            config={**self.config.identity(), **measured.settings},
            inputs=self.inputs,
            environment=measured.environment,
            summary=measured.summary,
            records=measured.records,
            run=self.path,
        )
        result.save()
        self.resume_state.unlink(missing_ok=True)
        return result


@contextmanager
def open_run(
    study: Study,
    config: Config,
    *,
    slug: str,
    request: RunRequest,
    inputs: Mapping[str, str] | None = None,
) -> Generator[RunFolder]:
    """Lock the run's folder and say whether it is finished; a new run gets its config.toml.

    `inputs` names what the run reads by content (`checkpoint` -> `sha256:...`), so that a changed input is another run.
    Raises `RunFolderError` when the folder is in use, unfinished without `resume`, or holds something else, and
    `OutputError` when it cannot be written in.
    """
    given = dict(inputs or {})
    identity: dict[str, object] = {**config.identity(), INPUTS_KEY: given}
    path = request.out or Path("runs") / study.name / f"{safe_name(slug)}-{config_hash(identity)}"
    # Before the lock too, so that a folder of another program gets not even a lock file.
    _stored_identity(path)
    make_folder(path)
    with _locked(path, patience=request.patience):
        remove_leftovers(path)
        stored = _stored_identity(path)
        if stored is not None and request.force:
            _clear(path, [*RUN_FILES, *LEFT_BY_STUDIES])
            stored = None
        if stored is None:
            content = {STUDY_KEY: study.name, **config.model_dump(mode="json"), INPUTS_KEY: given}
            write_atomically(path / CONFIG, to_toml(content))
        else:
            named_otherwise = set(config.model_dump()) - set(config.identity())
            comparable = {key: value for key, value in stored.items() if key not in named_otherwise}
            # The setting that the user most likely changed is named, not what follows from it on the machine.
            weighed = {name: identity[name] for name in [*config.names(), *identity] if name in identity}
            _require_same(path, comparable, {STUDY_KEY: study.name, **weighed})
        finished = (path / "result.json").exists()
        if stored is not None and not finished and not request.resume:
            raise RunFolderError(f"{path} holds an unfinished run; add --resume to go on or --force to start again")
        folder = RunFolder(path=path, study=study, config=config, inputs=given, finished=finished)
        if finished:
            # A run that was killed between its result and its very end has left the state as well.
            folder.resume_state.unlink(missing_ok=True)
        try:
            yield folder
        except (InputError, UsageError):
            # Nothing was begun: once what the run reads is there, the same command has no run to go on with.
            if stored is None and {entry.name for entry in path.iterdir()} <= {CONFIG, LOCK}:
                (path / CONFIG).unlink(missing_ok=True)
            raise


def measured_once(
    study: Study,
    config: Config,
    *,
    slug: str,
    request: RunRequest | None,
    inputs: Mapping[str, str] | None = None,
    measure: Callable[[RunFolder], Measured],
) -> Result:
    """The result of a finished run of these settings on these inputs, or of what `measure` finds now.

    For work that is short enough to be done again from its start; `icltool.training.trained_study` is for the rest.
    Raises what `open_run` and `measure` raise.
    """
    with open_run(study, config, slug=slug, request=request or RunRequest(), inputs=inputs) as folder:
        return folder.result() if folder.finished else folder.finish(measure(folder))


def settings_from(path: Path, *, study: str) -> dict[str, object]:
    """The settings in a TOML file that `--config` names; a run's own config.toml is one.

    Raises `UsageError`/`InputError` when the file is malformed or belongs to another study.
    """
    table = read_toml(path)
    owner = table.pop(STUDY_KEY, study)
    table.pop(INPUTS_KEY, None)
    if owner != study:
        raise RunFolderError(
            f"{path} holds settings of the study {owner!r}, not of {study!r}; give --config another file"
        )
    return table


def safe_name(text: str) -> str:
    """The text as one file name: letters, digits, '.', '_' and '-' only, never starting with a dot."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80] or "run"


@contextmanager
def _locked(path: Path, *, patience: float) -> Generator[None]:
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise RunFolderError(
            f"{path} is in use by another icltool process; wait for it or choose another --out"
        ) from None
    except OSError as error:
        raise OutputError(f"cannot write in {path}: {error.strerror}; choose another --out") from None
    try:
        yield
    finally:
        lock.release()


def _stored_identity(path: Path) -> dict[str, object] | None:
    """What a run left in its config.toml; None in a new or empty folder.

    Raises `RunFolderError` for a folder with other files and no config.toml of a run: it is not ours to fill or clear.
    """
    try:
        names = {entry.name for entry in path.iterdir()} if path.exists() else set[str]()
    except NotADirectoryError:
        raise OutputError(f"{path} is a file; --out names the run folder") from None
    except OSError as error:
        raise OutputError(f"cannot look into {path}: {error.strerror}; choose another --out") from None
    if CONFIG not in names:
        strangers = [name for name in names if name != LOCK and not name.endswith(".tmp")]
        if strangers:
            raise RunFolderError(f"{path} is not a run folder (it holds {min(strangers)!r}); choose another --out")
        return None
    try:
        table = read_toml(path / CONFIG)
    except InputError as error:
        raise RunFolderError(f"{error}; repair it, or choose another --out") from None
    if not isinstance(table.get(STUDY_KEY), str):
        raise RunFolderError(f"{path} is not a run folder (its config.toml names no study); choose another --out")
    return table


def _require_same(path: Path, stored: Mapping[str, object], ours: Mapping[str, object]) -> None:
    present: dict[str, object] = {key: value for key, value in ours.items() if value is not None}
    difference = first_difference(_flat(present), _flat(stored))
    if difference:
        raise RunFolderError(
            f"{path} holds a run with other settings: {difference}; choose another --out, or --force to replace it"
        )


def _flat(table: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, object]", value)
            flat.update({f"{key}.{name}": entry for name, entry in inner.items()})
        else:
            flat[key] = value
    return flat


def _clear(path: Path, names: Sequence[str]) -> None:
    try:
        for name in names:
            (path / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot clear {path}: {error.strerror}") from None
