"""A study as a command: settings from flags, files and presets; tables and figures for people, paths for programs."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from icltool.cli.options import given_grid, parameters_of, preset_parameter
from icltool.cli.printed_table import printed
from icltool.cli.progress import progress
from icltool.cli.signature import flag, json_flag, path_parameter, quiet_flag, track_parameter
from icltool.cli.stdio import expand_inputs, people, print_json, print_path
from icltool.core.config import Config, traits_of
from icltool.core.errors import OutputError, UsageError
from icltool.core.processes import launched
from icltool.core.result import Result, load_result
from icltool.core.run_folder import RunRequest, settings_from
from icltool.core.study import Study
from icltool.core.table import Table, as_text
from icltool.core.tracking import tracked


def study_parameters(study: Study) -> list[inspect.Parameter]:
    """The parameters of a study's command: its settings, then the common ones."""
    config = study.config()
    common = [
        preset_parameter(config),
        path_parameter("config", metavar="FILE.toml", help="Settings from a file; a run's config.toml repeats it."),
        path_parameter("out", metavar="FOLDER", help=f"The run folder; unset: runs/{study.name}/NAME-HASH."),
        *([track_parameter()] if study.trains else []),
        flag("resume", "Go on with an unfinished run (or start it)."),
        flag("force", "Throw away what the run folder holds and run again."),
        quiet_flag(),
        json_flag(),
    ]
    return [*parameters_of(config, many_inputs=True), *common]


def run_study(study: Study, **given: Any) -> None:  # noqa: ANN401 - what `study_parameters` declared
    """Run the study once for each input path (once, when it takes none) and print what came out."""
    console = people()
    config_class = study.config()
    flags, axes = given_grid(config_class, given)
    from_file = _file_settings(study, config_class, given["config"])
    values = {**from_file, **flags}
    axes = {**_grid_by_default(config_class, preset=given["preset"], settings={**values, **axes}), **axes}
    origins = {name: given["config"] for name in from_file if name not in flags}
    argument = next((name for name, field in config_class.model_fields.items() if traits_of(field).argument), None)
    inputs = _inputs(argument, given, from_file) if argument else [None]
    if axes:
        if launched().count > 1:
            raise UsageError("torchrun shares out one training, not a grid; give one value to each setting")
        paths = [path for path in inputs if path]
        _run_grid(study, {**values}, axes=axes, inputs=paths, given=given, console=console)
        return
    if given["out"] is not None and len(inputs) > 1:
        raise UsageError(f"--out names one run folder, and {len(inputs)} inputs make {len(inputs)} runs; leave it out")
    configs = [
        config_class.create(
            values if path is None else {**values, str(argument): path},
            preset=given["preset"],
            as_options=True,
            origins=origins,
        )
        for path in inputs
    ]
    if launched().follows:
        for config in configs:
            study.follow()(config)
        return
    request = RunRequest(out=given["out"], resume=given["resume"], force=given["force"])
    for config in configs:
        with (
            progress(console, quiet=given["quiet"]) as on_step,
            tracked(given.get("track"), config, on_step=on_step) as followed,
        ):
            result = study.run()(config, request=request, on_step=followed)
        _write_figure(study, result, console)
        if not given["quiet"]:
            _show(study.table()(result), result, console)
        _print_result(study, result, as_json=given["json"])


def _run_grid(
    study: Study,
    settings: dict[str, Any],
    *,
    axes: dict[str, list[str]],
    inputs: list[str],
    given: Mapping[str, Any],
    console: Console,
) -> None:
    """A comma list: every combination as a run of its own, then the path of each on stdout."""
    from icltool.cli.grid_command import run_plan
    from icltool.sweep.plan import plan_grid

    plan = plan_grid(study, settings=settings, axes=axes, inputs=inputs, preset=given["preset"], folder=given["out"])
    run_plan(plan, track=given.get("track"), quiet=given["quiet"], console=console)
    for planned in plan.runs:
        _print_result(study, load_result(planned.folder), as_json=given["json"])


def _grid_by_default(
    config_class: type[Config], *, preset: str | None, settings: Mapping[str, object]
) -> dict[str, list[str]]:
    """The study's own grid for the preset, as comma lists would give it; none once an axis of it is given."""
    axes = config_class.GRIDS.get(preset or "fast", {})
    if any(name in settings for name in axes):
        return {}
    return {name: [str(value) for value in values] for name, values in axes.items()}


def _file_settings(study: Study, config_class: type[Config], path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    from_file = settings_from(path, study=study.name)
    config_class.check_names(from_file, where=str(path))
    return from_file


def _inputs(argument: str, given: Mapping[str, Any], from_file: Mapping[str, object]) -> list[str]:
    """The paths to run on: those given, or else the one in the --config file."""
    if given[argument]:
        return expand_inputs(given[argument])
    if argument not in from_file:
        raise UsageError(f"{argument.upper()} is missing: give a path, or - to read paths from stdin")
    return expand_inputs([str(from_file[argument])])


def _write_figure(study: Study, result: Result, console: Console) -> None:
    """figure.html beside the result, once; a run that cannot have its figure still has its result."""
    path = result.run / "figure.html"
    if path.exists():
        return
    from icltool.figures.export import write_html

    try:
        write_html(study.figures()([result]), path, title=f"icltool {result.kind}: {result.label}")
    except OutputError as error:
        console.print(f"warning: {error}", markup=False)


def _show(table: Table, result: Result, console: Console) -> None:
    """The study's table and the run's summary."""
    console.print(printed(table))
    for name, value in result.summary.items():
        console.print(f"{name.replace('_', ' ')}: {as_text(value)}", markup=False)
    # A path stays on one line, to be copied or clicked.
    console.print(f"figure: {result.run / 'figure.html'}", markup=False, soft_wrap=True)


def _print_result(study: Study, result: Result, *, as_json: bool) -> None:
    checkpoint = result.checkpoint
    if as_json:
        print_json(
            {
                "kind": result.kind,
                "run": str(result.run),
                "checkpoint": str(checkpoint) if checkpoint else None,
                "result": str(result.path),
                "summary": dict(result.summary),
            }
        )
    else:
        print_path(checkpoint if study.trains and checkpoint else result.path)
