"""A study as a command: settings from flags, files and presets; tables and figures for people, paths for programs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from icltool.cli.options import given_grid, preset_option, with_settings
from icltool.cli.printed_table import printed
from icltool.cli.progress import progress
from icltool.cli.signature import Json, Quiet, Track, flag, path_option, without_parameter
from icltool.cli.stdio import expand_inputs, people, print_result
from icltool.core.config import Config
from icltool.core.errors import OutputError, UsageError
from icltool.core.processes import launched
from icltool.core.result import Result, load_result
from icltool.core.run_folder import settings_from
from icltool.core.study import RunRequest, Study
from icltool.core.table import Table, as_text
from icltool.core.tracking import tracked


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user gave a study: settings, a grid's axes, the paths to run on, and the file a setting came from."""

    preset: str | None
    settings: dict[str, Any]
    axes: dict[str, list[str]]
    inputs: Sequence[str]
    origins: Mapping[str, Path]


def study_command(study: Study) -> Callable[..., None]:
    """The study's command, as Typer reads it: its settings, and how it runs and prints."""
    config_class = study.config()

    def run(
        *,
        preset: Annotated[str | None, preset_option(config_class)] = None,
        config: Annotated[
            Path | None,
            path_option("config", metavar="FILE.toml", help="Settings from a file; a run's config.toml repeats it."),
        ] = None,
        out: Annotated[
            Path | None,
            path_option("out", metavar="FOLDER", help=f"The run folder; unset: runs/{study.name}/NAME-HASH."),
        ] = None,
        track: Track = None,
        resume: Annotated[bool, flag("resume", "Go on with an unfinished run (or start it).")] = False,
        force: Annotated[bool, flag("force", "Throw away what the run folder holds and run again.")] = False,
        quiet: Quiet = False,
        json: Json = False,
        **settings: Any,  # noqa: ANN401 - text or a flag
    ) -> None:
        given = _given(study, settings, preset=preset, file=config)
        if given.axes:
            results = _run_grid(study, given, out=out, track=track, quiet=quiet)
        elif launched().follows:
            results = _follow(study, given, out=out)
        else:
            request = RunRequest(out=out, resume=resume, force=force)
            results = _run_each(study, given, request=request, track=track, quiet=quiet)
        for result in results:
            path = result.checkpoint if study.trains and result.checkpoint else result.path
            print_result(result, path, as_json=json)

    command = with_settings(config_class, many_inputs=True)(run)
    return command if study.trains else without_parameter(command, "track")


def _given(study: Study, options: Mapping[str, Any], *, preset: str | None, file: Path | None) -> Given:
    """The options over the file's settings; raises `UsageError` for a file or an input that cannot be read."""
    config_class = study.config()
    argument = config_class.argument()
    flags, axes = given_grid(config_class, {name: value for name, value in options.items() if name != argument})
    from_file = {} if file is None else _file_settings(study, file)
    settings = {**from_file, **flags}
    return Given(
        preset=preset,
        settings=settings,
        axes={**_grid_by_default(config_class, preset=preset, settings={**settings, **axes}), **axes},
        inputs=_inputs(argument, options[argument], from_file) if argument else [],
        origins={name: file for name in from_file if file is not None and name not in flags},
    )


def _configs(study: Study, given: Given, *, out: Path | None) -> list[Config]:
    """The settings of each run: one for each input, or one alone."""
    if out is not None and len(given.inputs) > 1:
        count = len(given.inputs)
        raise UsageError(f"--out names one run folder, and {count} inputs make {count} runs; leave it out")
    argument = study.config().argument()
    read = [{argument: path} for path in given.inputs] if argument else [{}]
    return [
        study.config().create({**given.settings, **named}, preset=given.preset, as_options=True, origins=given.origins)
        for named in read
    ]


def _run_each(study: Study, given: Given, *, request: RunRequest, track: str | None, quiet: bool) -> Iterator[Result]:
    """Run the study once for each input, with its progress, figure and table."""
    console = people()
    for config in _configs(study, given, out=request.out):
        with (
            progress(console, quiet=quiet, shown=study.shown) as on_step,
            tracked(track, config, on_step=on_step) as followed,
        ):
            result = study.run()(config, request=request, on_step=followed)
        _write_figure(study, result, console)
        if not quiet:
            _show(study.table()(result), result, console)
        yield result


def _follow(study: Study, given: Given, *, out: Path | None) -> Sequence[Result]:
    """Work for the process that leads; it alone has results."""
    for config in _configs(study, given, out=out):
        study.follow()(config)
    return ()


def _run_grid(study: Study, given: Given, *, out: Path | None, track: str | None, quiet: bool) -> list[Result]:
    """A comma list: every combination as a run of its own."""
    from icltool.cli.grid_command import run_plan
    from icltool.sweep.plan import plan_grid

    if launched().count > 1:
        raise UsageError("torchrun shares out one training, not a grid; give one value to each setting")
    plan = plan_grid(
        study, settings=given.settings, axes=given.axes, inputs=given.inputs, preset=given.preset, folder=out
    )
    run_plan(plan, track=track, quiet=quiet, console=people())
    return [load_result(planned.folder) for planned in plan.runs]


def _grid_by_default(
    config_class: type[Config], *, preset: str | None, settings: Mapping[str, object]
) -> dict[str, list[str]]:
    """The study's own grid for the preset, as comma lists would give it; none once an axis of it is given."""
    axes = config_class.GRIDS.get(preset or "fast", {})
    if any(name in settings for name in axes):
        return {}
    return {name: [str(value) for value in values] for name, values in axes.items()}


def _file_settings(study: Study, file: Path) -> dict[str, object]:
    from_file = settings_from(file, study=study.name)
    study.config().check_names(from_file, where=str(file))
    return from_file


def _inputs(argument: str, given: Sequence[str] | None, from_file: Mapping[str, object]) -> list[str]:
    """The paths to run on: those given, or else the one in the --config file."""
    if given:
        return expand_inputs(given)
    if argument not in from_file:
        raise UsageError(f"{argument.upper()} is missing: give a path, or - to read paths from stdin")
    return expand_inputs([str(from_file[argument])])


def _write_figure(study: Study, result: Result, console: Console) -> None:
    """Write figure.html beside the result unless it is there; a figure that fails is a warning, not an error."""
    path = result.run / "figure.html"
    if path.exists():
        return
    from icltool.figures.export import write_html

    try:
        write_html(study.figures()([result]), path, title=f"icltool {result.kind}: {result.label}")
    except OutputError as error:
        console.print(f"warning: {error}", markup=False)


def _show(table: Table, result: Result, console: Console) -> None:
    """Print the study's table, the run's summary and where its figure is."""
    console.print(printed(table))
    for name, value in result.summary.items():
        console.print(f"{name.replace('_', ' ')}: {as_text(value)}", markup=False)
    # A path stays on one line, so that it can be copied or clicked.
    console.print(f"figure: {result.run / 'figure.html'}", markup=False, soft_wrap=True)
