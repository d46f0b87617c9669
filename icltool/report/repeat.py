"""How to repeat a run or a sweep: the shortest command that gives the same settings."""

import shlex
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

from icltool.core.config import Config, option_name
from icltool.core.errors import IcltoolError
from icltool.core.result import Result, Value
from icltool.core.run_folder import CONFIG
from icltool.core.toml_files import read_toml
from icltool.regression.studies.import_checkpoint.config import ImportCheckpointConfig
from icltool.studies import find_study
from icltool.sweep.collect import RUN, finished_runs, settings_of

IMPORT = "import-checkpoint"
Given = Mapping[str, Value]


def config_of(kind: str) -> type[Config] | None:
    """The settings class of a study, or of an import; None for a result of something else."""
    if kind == IMPORT:
        return ImportCheckpointConfig
    study = find_study(kind)
    return None if study is None else study.config()


def settings_of_run(result: Result) -> dict[str, Value]:
    """The run's own settings, with the paths it read (which only its config.toml has)."""
    config = config_of(result.kind)
    stored = stored_settings(result.run)
    known = {**result.config, **{name: value for name, value in stored.items() if name not in result.config}}
    if config is None:
        return known
    return {name: known[name] for name in config.names() if name in known}


def stored_settings(run: Path) -> dict[str, Value]:
    """The flat settings of a run's config.toml; none when there is no such file or it is damaged."""
    try:
        table = read_toml(run / CONFIG)
    except IcltoolError:
        return {}
    return {
        name: value for name, value in table.items() if isinstance(value, str | int | float | bool) and name != "study"
    }


def run_commands(result: Result) -> list[str]:
    """The command with what differs from the nearest preset, and the one that reads the run's own config.toml."""
    words = [*_command(result.kind, settings_of_run(result))]
    commands = [_shell(words)]
    if result.kind != IMPORT and config_of(result.kind) is not None and (result.run / CONFIG).exists():
        again = ["icltool", result.kind, "--config", str(result.run / CONFIG), "--out", f"{result.run}-again"]
        commands.append(_shell(again))
    return commands


def sweep_commands(sweep: Result) -> list[str]:
    """The recipe's command; for a grid from the command line, the study's with its comma lists, or one a run."""
    if sweep.config.get("scale") is not None:
        recipe = f"recipes/{sweep.config.get('recipe')}"
        scale = str(sweep.config["scale"])
        return [_shell(["icltool", "sweep", recipe, "--scale", scale])]
    stages = list(dict.fromkeys(str(row["stage"]) for row in sweep.select(table=RUN)))
    runs = finished_runs(sweep, stages[0]) if len(stages) == 1 else []
    if not runs:
        return []
    rows = [settings_of(row) for row in sweep.select(table=RUN)]
    axes = {name: list(dict.fromkeys(row.get(name) for row in rows)) for name in rows[0]}
    if prod(len(values) for values in axes.values()) != len(rows):
        return [command for _, result in runs for command in run_commands(result)[:1]]
    kind, settings = runs[0][1].kind, settings_of_run(runs[0][1])
    lists: dict[str, Value] = {name: ",".join(map(_spelled, values)) for name, values in axes.items()}
    return [_shell(_command(kind, {**settings, **lists}))]


def _command(kind: str, settings: Given) -> list[str]:
    """`icltool KIND ARGUMENT --option value ...`."""
    config = config_of(kind)
    if config is None:
        return ["icltool", kind, *(word for item in settings.items() for word in _option(*item))]
    arguments = config.arguments()
    words = [str(settings.get(name) or name.upper()) for name in arguments]
    preset, apart = _nearest_preset(config, {key: value for key, value in settings.items() if key not in arguments})
    chosen = [] if preset is None else ["--preset", preset]
    return ["icltool", kind, *words, *chosen, *(word for item in apart.items() for word in _option(*item))]


def _nearest_preset(config: type[Config], settings: Given) -> tuple[str | None, dict[str, Value]]:
    """The preset that leaves least to say, None when the defaults do as well; and what is left to say."""
    found = [(name, _apart(config, settings, config.preset_values(name))) for name in (None, *config.PRESETS)]
    return min(found, key=lambda entry: len(entry[1]))


def _apart(config: type[Config], settings: Given, preset: Given) -> dict[str, Value]:
    defaults = {name: field.default for name, field in config.model_fields.items()}
    base = {**defaults, **preset}
    return {name: value for name, value in settings.items() if value is not None and value != base.get(name)}


def _option(name: str, value: Value) -> Sequence[str]:
    if isinstance(value, bool):
        return [option_name(name) if value else f"--no-{option_name(name)[2:]}"]
    return [option_name(name), _spelled(value)]


def _spelled(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _shell(words: Sequence[str]) -> str:
    return shlex.join(words)
