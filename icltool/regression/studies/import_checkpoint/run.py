"""`import-checkpoint`: an official .pt file to a run folder with our checkpoint in it."""

from pathlib import Path

import torch

from icltool.core.files import sha256_of
from icltool.core.result import Result
from icltool.core.run_folder import Measured, RunFolder, measured_once
from icltool.core.runtime import Runtime, environment
from icltool.core.study import RunRequest, Study
from icltool.regression.models.checkpoint import model_label, save_checkpoint
from icltool.regression.models.official_checkpoint import official_model, read_official_file
from icltool.regression.studies.import_checkpoint.config import ImportCheckpointConfig

# Not in the list of studies: its command is among those of files.
IMPORT_CHECKPOINT = Study(
    name="import-checkpoint",
    package="icltool.regression.studies.import_checkpoint",
    config_class="ImportCheckpointConfig",
    summary="Bring an official checkpoint in (Yang et al.'s, Garg et al.'s).",
)


def run(config: ImportCheckpointConfig, *, request: RunRequest | None = None) -> Result:
    """Import, and return what came in; `result.checkpoint` is the file every other command reads.

    The same settings on the same content answer at once. Raises `InputError` naming the key that is wrong,
    `UsageError` when the heads do not divide the width, `RunFolderError` when the folder holds something else.
    """
    source = Path(config.file)
    inputs = {"checkpoint": sha256_of(source)}
    # Everything that can be wrong with the file is found before a folder is made.
    official = read_official_file(source)
    config = config.resolved()
    model = official_model(
        official, heads=config.heads, b=config.b, architecture=config.architecture, injection=config.injection
    )
    # Nothing lasts long enough to go on from: an unfinished import is simply done again.
    request = request or RunRequest()
    request = RunRequest(out=request.out, resume=not request.force, force=request.force)

    def measure(folder: RunFolder) -> Measured:
        save_checkpoint(
            folder.model, model, study=IMPORT_CHECKPOINT.name, config=config, step=official.step or 0, metrics={}
        )
        return Measured(
            label=model_label(model.config),
            summary={
                "layout": official.layout,
                "layers": model.config.L,
                "width": model.config.width,
                "heads": model.config.heads,
                "d": model.config.d,
                "points": model.config.n,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
                "trained_steps": official.step,
            },
            records=[],
            environment=environment(Runtime(device=torch.device("cpu"), precision="f32", compiled=False)),
        )

    return measured_once(IMPORT_CHECKPOINT, config, slug=source.stem, request=request, inputs=inputs, measure=measure)
