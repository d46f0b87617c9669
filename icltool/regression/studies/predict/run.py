"""`predict`: a model's predictions on the user's data, after every loop, to one file."""

import csv
import io
from pathlib import Path

import safetensors.torch

from icltool.core.errors import InputError, RunFolderError
from icltool.core.files import make_folder, write_atomically
from icltool.core.runtime import prepare, restored_process
from icltool.regression.data.user_prompts import read_user_prompts
from icltool.regression.evaluation.in_context import Predictions, predict_prompts
from icltool.regression.models.checkpoint import load_checkpoint
from icltool.regression.models.loop_plan import every_loop_plan
from icltool.regression.studies.predict.config import PredictConfig


@restored_process()
def run(config: PredictConfig, *, out: Path | None = None, force: bool = False) -> Path:
    """Predict, and return the file written: `predictions` [loops, B, n] as safetensors, or a CSV for a CSV.

    Prediction i uses the points before i and x_i. Raises `InputError` when the data does not fit the model, and
    `RunFolderError` when the file exists with other content and `force` is not given.
    """
    data = Path(config.data)
    prompts = read_user_prompts(data)
    checkpoint = load_checkpoint(Path(config.checkpoint))
    target = out or Path(f"{data.stem}.predictions{data.suffix.lower()}")
    if target.resolve() in {data.resolve(), checkpoint.path.resolve()}:
        raise InputError(f"--out {target} is what predict reads; give another name")
    if target.suffix.lower() not in {".csv", ".safetensors"}:
        raise InputError(f"--out {target}: give a name that ends in .csv or .safetensors")
    if target.suffix.lower() == ".csv" and prompts.ys.shape[0] != 1:
        raise InputError(
            f"--out {target}: a CSV holds one prompt, the data has {prompts.ys.shape[0]}; use .safetensors"
        )
    runtime = prepare(config.resolved())
    loops = config.loops or checkpoint.model.config.loops
    model = checkpoint.model.to(runtime.device)
    try:
        predictions = predict_prompts(model, prompts, every_loop_plan(loops), runtime)
    except InputError as error:
        raise InputError(f"{data} does not fit {checkpoint.path}: {error}") from None
    content = _csv(predictions) if target.suffix.lower() == ".csv" else _safetensors(predictions)
    _write(target, content, force=force)
    return target


def _safetensors(predictions: Predictions) -> bytes:
    return safetensors.torch.save({"predictions": predictions.contiguous()})


def _csv(predictions: Predictions) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    loops, _, points = predictions.shape
    writer.writerow(["point", *(f"loop_{loop}" for loop in range(1, loops + 1))])
    for point in range(points):
        writer.writerow([point + 1, *(f"{value:.9g}" for value in predictions[:, 0, point].tolist())])
    return text.getvalue().encode()


def _write(target: Path, content: bytes, *, force: bool) -> None:
    if target.exists() and not force:
        if target.is_file() and target.read_bytes() == content:
            return
        raise RunFolderError(
            f"{target} exists and holds something else; choose another --out, or --force to replace it"
        )
    make_folder(target.parent)
    write_atomically(target, content)
