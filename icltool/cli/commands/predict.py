"""`icltool predict CKPT DATA`."""

import inspect
from pathlib import Path
from typing import Any

from icltool.cli.options import given_values, parameters_of
from icltool.cli.signature import flag, json_flag, path_parameter, require_path
from icltool.cli.stdio import expand_inputs, print_json, print_path
from icltool.core.errors import UsageError
from icltool.regression.studies.predict.config import PredictConfig


def parameters() -> list[inspect.Parameter]:
    """The settings, and where the predictions go."""
    return [
        *parameters_of(PredictConfig),
        path_parameter("out", metavar="FILE", help="File to write; unset: DATA.predictions.SUFFIX, in this folder."),
        flag("force", "Replace the file if it exists."),
        flag("quiet", "Print nothing for people (predict never does)."),
        json_flag(),
    ]


def run(*, out: Path | None, force: bool, json: bool, **given: Any) -> None:  # noqa: ANN401 - settings by name
    """Predict and print the file's path."""
    require_path(given["data"], where="DATA")
    checkpoint = expand_inputs([given["checkpoint"]])
    if len(checkpoint) != 1:
        raise UsageError(f"predict takes one checkpoint, {len(checkpoint)} were given")
    values = {**given_values(PredictConfig, given), "checkpoint": checkpoint[0], "data": given["data"]}
    config = PredictConfig.create(values, as_options=True)
    from icltool.regression.studies.predict.run import run as predict

    file = predict(config, out=out, force=force)
    if json:
        print_json({"kind": "predict", "file": str(file), "checkpoint": checkpoint[0]})
    else:
        print_path(file)
