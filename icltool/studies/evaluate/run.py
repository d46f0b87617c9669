"""`eval`: errors of a trained model on held-out prompts, at every point and after every loop."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from icltool.core.checksum import sha256_of
from icltool.core.progress import OnStep, StepRecord, ignore_step
from icltool.core.result import Result, Row
from icltool.core.run_folder import RunRequest, open_run
from icltool.core.runtime import environment, prepare
from icltool.data.function_classes import error_scale
from icltool.data.prompt_config import FunctionClass
from icltool.evaluation.error_records import baseline_records, model_records
from icltool.evaluation.in_context import all_baseline_errors, evaluation_prompts, model_errors
from icltool.models.checkpoint import Checkpoint, load_checkpoint
from icltool.models.loop_plan import every_loop_plan
from icltool.studies.evaluate.config import EvaluateConfig

STUDY = "eval"


def run(config: EvaluateConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Measure a checkpoint; a finished run of the same settings on the same file is returned at once.

    Raises `InputError` for a bad checkpoint or prompts that do not fit the model.
    """
    checkpoint = load_checkpoint(Path(config.checkpoint))
    trained = checkpoint.model.config
    # What is left open is fixed before the run is named, so that asking for it explicitly is the same run.
    task, n, loops = config.task or _trained_task(checkpoint), config.n or trained.n, config.loops or trained.loops
    settled = config.resolved().model_copy(update={"task": task, "n": n, "loops": loops})
    inputs = {"checkpoint": sha256_of(checkpoint.path)}
    slug = f"{_source_name(checkpoint.path)}-{task}"
    with open_run(STUDY, settled, slug=slug, request=request or RunRequest(), inputs=inputs) as folder:
        if folder.finished:
            return folder.result()
        plan = _Plan(task=task, n=n, loops=loops)
        result = _measure(settled, checkpoint, plan, run=folder.path, inputs=inputs, on_step=on_step)
        result.save()
        return result


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What the config leaves open, settled by the checkpoint."""

    task: FunctionClass
    n: int
    loops: int


def _measure(
    config: EvaluateConfig, checkpoint: Checkpoint, plan: _Plan, *, run: Path, inputs: dict[str, str], on_step: OnStep
) -> Result:
    task, n = plan.task, plan.n
    runtime = prepare(config)
    model = checkpoint.model.to(runtime.device)
    d = model.config.d
    prompts = evaluation_prompts(task, seed=config.eval_seed, prompts=config.eval_prompts, n=n, d=d)
    on_step(StepRecord(step=0, steps=2, stage="model"))
    errors = model_errors(model, prompts, every_loop_plan(plan.loops), runtime, scale=error_scale(task, d=d))
    on_step(StepRecord(step=1, steps=2, stage="baselines"))
    records: list[Row] = [
        *model_records(checkpoint.label, errors, seed=config.eval_seed),
        *baseline_records(all_baseline_errors(prompts, task), seed=config.eval_seed),
    ]
    on_step(StepRecord(step=2, steps=2, stage="done"))
    return Result(
        kind=STUDY,
        label=checkpoint.label,
        config={**config.identity(), "d": d, "b": model.config.loops},
        inputs=inputs,
        environment=environment(runtime),
        summary={
            "held_out_error": float(errors[-1, :, -1].double().mean()),
            "best_loop": int(errors[:, :, -1].mean(1).argmin()) + 1,
            "trained_steps": checkpoint.step,
        },
        records=records,
        run=run,
    )


def _trained_task(checkpoint: Checkpoint) -> FunctionClass:
    """The class a checkpoint was trained on; linear regression where its header does not say."""
    task = checkpoint.config.get("task")
    return cast("FunctionClass", task) if task in get_args(FunctionClass) else "linear-regression"


def _source_name(checkpoint: Path) -> str:
    """The trained run's folder, without the hash at its end."""
    return re.sub(r"-[0-9a-f]{8}$", "", checkpoint.resolve().parent.name)
