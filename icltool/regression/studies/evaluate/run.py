"""`eval`: errors of a trained model on held-out prompts, at every point and after every loop."""

from pathlib import Path

from icltool.core.files import sha256_of
from icltool.core.progress import OnStep, StepRecord, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import RunRequest, open_run
from icltool.core.runtime import environment, prepare
from icltool.regression.models.checkpoint import load_checkpoint
from icltool.regression.studies.evaluate.config import EvaluateConfig
from icltool.regression.studies.evaluate.stages import Subject, stages_of

STUDY = "eval"


def run(config: EvaluateConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Measure a checkpoint; a finished run of the same settings on the same file is returned at once.

    Raises `InputError` for a bad checkpoint or prompts that do not fit the model.
    """
    checkpoint = load_checkpoint(Path(config.checkpoint))
    trained = checkpoint.model.config
    # What is left open is fixed before the run is named, so that asking for it explicitly is the same run.
    task, n, loops = config.task or checkpoint.task, config.n or trained.n, config.loops or trained.loops
    settled = config.resolved().model_copy(update={"task": task, "n": n, "loops": loops})
    inputs = {"checkpoint": sha256_of(checkpoint.path)}
    changed = "" if config.shift == "none" else f"-{config.shift}"
    slug = f"{checkpoint.run_name}-{config.table or task}{changed}"
    with open_run(STUDY, settled, slug=slug, request=request or RunRequest(), inputs=inputs) as folder:
        if folder.finished:
            return folder.result()
        runtime = prepare(settled)
        subject = Subject(
            config=settled,
            runtime=runtime,
            model=checkpoint.model.to(runtime.device),
            label=checkpoint.label,
            task=task,
            n=n,
            loops=loops,
        )
        records, summary = _measure(subject, on_step)
        result = Result(
            kind=STUDY,
            label=checkpoint.label,
            config={**settled.identity(), "d": trained.d, "b": trained.loops},
            inputs=inputs,
            environment=environment(runtime),
            summary={**summary, "trained_steps": checkpoint.step},
            records=records,
            run=folder.path,
        )
        result.save()
        return result


def _measure(subject: Subject, on_step: OnStep) -> tuple[list[Row], dict[str, Value]]:
    """Every stage that the settings ask for, its steps counted over all of them."""
    records: list[Row] = []
    summary: dict[str, Value] = {}
    stages = stages_of(subject)
    steps = sum(stage.steps for stage in stages)
    done = 0
    for stage in stages:
        before = done

        def tell(within: int, *, before: int = before, name: str = stage.name) -> None:
            on_step(StepRecord(step=before + within, steps=steps, stage=name))

        tell(0)
        found = stage.work(tell)
        records += found.records
        summary |= found.summary
        done += stage.steps
    on_step(StepRecord(step=steps, steps=steps, stage="done"))
    return records, summary
