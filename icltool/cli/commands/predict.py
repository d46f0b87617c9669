"""`icltool predict CKPT DATA`."""

from pathlib import Path
from typing import Annotated, Any

from icltool.cli.options import given_values, with_settings
from icltool.cli.signature import Json, flag, path_option, require_path
from icltool.cli.stdio import expand_inputs, print_json, print_path
from icltool.core.errors import UsageError
from icltool.regression.studies.predict.config import PredictConfig


@with_settings(PredictConfig)
def run(
    *,
    out: Annotated[
        Path | None,
        path_option("out", metavar="FILE", help="File to write; unset: DATA.predictions.SUFFIX, in this folder."),
    ] = None,
    force: Annotated[bool, flag("force", "Replace the file if it exists.")] = False,
    quiet: Annotated[bool, flag("quiet", "Print nothing for people (predict never does).")] = False,
    json: Json = False,
    **settings: Any,  # noqa: ANN401 - text or a flag
) -> None:
    """Predict and print the file's path."""
    del quiet
    require_path(settings["data"], where="DATA")
    checkpoint = expand_inputs([settings["checkpoint"]])
    if len(checkpoint) != 1:
        raise UsageError(f"predict takes one checkpoint, {len(checkpoint)} were given")
    values = {**given_values(PredictConfig, settings), "checkpoint": checkpoint[0]}
    config = PredictConfig.create(values, as_options=True)
    from icltool.regression.studies.predict.run import run as predict

    file = predict(config, out=out, force=force)
    if json:
        print_json({"kind": "predict", "file": str(file), "checkpoint": checkpoint[0]})
    else:
        print_path(file)
