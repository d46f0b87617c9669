"""`icltool dilate --dilations 1,2,3,4`: `train` once for each dilation of the loop window, compared in one figure."""

import inspect
from pathlib import Path
from typing import Any

import typer

from icltool.cli.options import given_values, parameters_of, preset_parameter
from icltool.cli.signature import common_parameter, json_flag, path_parameter, quiet_flag, track_parameter
from icltool.cli.stdio import people, print_json, print_path
from icltool.core.errors import UsageError
from icltool.regression.studies.train.config import TrainConfig

DEFAULT = "1,2,3,4"


def parameters() -> list[inspect.Parameter]:
    """The dilations, and every setting of `train` but those they vary."""
    dilations = typer.Option("--dilations", metavar="LIST", help="Dilations to compare.")
    varied = {"dilation", "loops_start"}
    return [
        common_parameter("dilations", str, dilations, default=DEFAULT),
        *(parameter for parameter in parameters_of(TrainConfig) if parameter.name not in varied),
        preset_parameter(TrainConfig),
        path_parameter("out", metavar="FOLDER", help="Where the runs go; unset: under runs/sweep."),
        track_parameter(),
        quiet_flag(),
        json_flag(),
    ]


def run(
    *,
    dilations: str,
    preset: str | None,
    out: Path | None,
    track: str | None,
    quiet: bool,
    json: bool,
    **given: Any,  # noqa: ANN401 - settings by name
) -> None:
    """Train each, and print the path of the comparison."""
    from icltool.cli.grid_command import run_plan
    from icltool.sweep.plan import plan_dilations

    settings: dict[str, Any] = given_values(TrainConfig, given)
    plan = plan_dilations(_dilations(dilations), settings=settings, preset=preset, folder=out)
    result = run_plan(plan, track=track, quiet=quiet, console=people())
    if json:
        summary = dict(result.summary)
        print_json({"kind": "sweep", "run": str(result.run), "result": str(result.path), "summary": summary})
    else:
        print_path(result.path)


def _dilations(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise UsageError(f"--dilations {text}: give whole numbers from 1, with commas between them")
    return list(dict.fromkeys(int(word) for word in words))
