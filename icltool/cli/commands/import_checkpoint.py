"""`icltool import-checkpoint FILE`."""

from pathlib import Path
from typing import Annotated, Any

from icltool.cli.options import given_values, with_settings
from icltool.cli.signature import Json, Quiet, flag, path_option
from icltool.cli.stdio import people, print_result
from icltool.core.study import RunRequest
from icltool.core.table import as_text
from icltool.regression.studies.import_checkpoint.config import ImportCheckpointConfig


@with_settings(ImportCheckpointConfig)
def run(
    *,
    out: Annotated[
        Path | None,
        path_option("out", metavar="FOLDER", help="The run folder; unset: runs/import-checkpoint/NAME-HASH."),
    ] = None,
    force: Annotated[bool, flag("force", "Throw away what the run folder holds and import again.")] = False,
    quiet: Quiet = False,
    json: Json = False,
    **settings: Any,  # noqa: ANN401 - text or a flag
) -> None:
    """Import and print the checkpoint's path."""
    config = ImportCheckpointConfig.create(given_values(ImportCheckpointConfig, settings), as_options=True)
    from icltool.regression.studies.import_checkpoint.run import run as import_checkpoint

    result = import_checkpoint(config, request=RunRequest(out=out, force=force))
    if not quiet:
        facts = ", ".join(f"{name.replace('_', ' ')} {as_text(value)}" for name, value in result.summary.items())
        people().print(f"{result.label}: {facts}", markup=False)
    print_result(result, result.checkpoint or result.path, as_json=json)
