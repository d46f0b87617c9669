"""`icltool import-checkpoint FILE`."""

import inspect
from pathlib import Path
from typing import Any

from icltool.cli.options import given_values, parameters_of
from icltool.cli.signature import flag, json_flag, path_parameter, quiet_flag
from icltool.cli.stdio import people, print_json, print_path
from icltool.core.run_folder import RunRequest
from icltool.core.table import as_text
from icltool.regression.studies.import_checkpoint.config import ImportCheckpointConfig


def parameters() -> list[inspect.Parameter]:
    """The settings, and where the checkpoint goes."""
    return [
        *parameters_of(ImportCheckpointConfig),
        path_parameter("out", metavar="FOLDER", help="The run folder; unset: runs/import-checkpoint/NAME-HASH."),
        flag("force", "Throw away what the run folder holds and import again."),
        quiet_flag(),
        json_flag(),
    ]


def run(*, out: Path | None, force: bool, quiet: bool, json: bool, **given: Any) -> None:  # noqa: ANN401 - settings by name
    """Import and print the checkpoint's path."""
    values = {**given_values(ImportCheckpointConfig, given), "file": given["file"]}
    config = ImportCheckpointConfig.create(values, as_options=True)
    from icltool.regression.studies.import_checkpoint.run import run as import_checkpoint

    result = import_checkpoint(config, request=RunRequest(out=out, force=force))
    checkpoint = result.run / "model.safetensors"
    if not quiet:
        facts = ", ".join(f"{name.replace('_', ' ')} {as_text(value)}" for name, value in result.summary.items())
        people().print(f"{result.label}: {facts}", markup=False)
    if json:
        print_json(
            {
                "kind": result.kind,
                "run": str(result.run),
                "checkpoint": str(checkpoint),
                "result": str(result.path),
                "summary": dict(result.summary),
            }
        )
    else:
        print_path(checkpoint)
