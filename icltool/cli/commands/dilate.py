"""`icltool dilate --dilations 1,2,3,4`: `train` once for each dilation of the loop window, compared in one figure."""

from pathlib import Path
from typing import Annotated, Any

import typer

from icltool.cli.options import given_values, preset_option, with_settings
from icltool.cli.signature import Json, Quiet, Track, path_option
from icltool.cli.stdio import people, print_result
from icltool.core.errors import UsageError
from icltool.regression.studies.train.config import TrainConfig


@with_settings(TrainConfig, without={"dilation", "loops_start"})
def run(
    *,
    dilations: Annotated[str, typer.Option("--dilations", metavar="LIST", help="Dilations to compare.")] = "1,2,3,4",
    preset: Annotated[str | None, preset_option(TrainConfig)] = None,
    out: Annotated[
        Path | None, path_option("out", metavar="FOLDER", help="Where the runs go; unset: under runs/sweep.")
    ] = None,
    track: Track = None,
    quiet: Quiet = False,
    json: Json = False,
    **settings: Any,  # noqa: ANN401 - text or a flag
) -> None:
    """Train each, and print the path of the comparison."""
    from icltool.cli.grid_command import run_plan
    from icltool.sweep.plan import plan_dilations

    given: dict[str, Any] = given_values(TrainConfig, settings)
    plan = plan_dilations(_dilations(dilations), settings=given, preset=preset, folder=out)
    result = run_plan(plan, track=track, quiet=quiet, console=people())
    print_result(result, result.path, as_json=json)


def _dilations(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise UsageError(f"--dilations {text}: give whole numbers from 1, with commas between them")
    return list(dict.fromkeys(int(word) for word in words))
