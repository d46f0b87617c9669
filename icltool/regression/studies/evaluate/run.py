"""`eval`: errors of a trained model on held-out prompts, at every point and after every loop."""

from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import Measured, measured_once
from icltool.core.runtime import environment, prepare, restored_process
from icltool.core.study import RunRequest
from icltool.regression.studies.evaluate import EVALUATE
from icltool.regression.studies.evaluate.config import EvaluateConfig
from icltool.regression.studies.evaluate.measurements import Evaluation, measurements_of
from icltool.regression.studies.measured_model import MeasuredModel, measured_model


@restored_process()
def run(config: EvaluateConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Measure a checkpoint; a finished run of the same settings on the same file is returned at once.

    Raises `InputError` for a bad checkpoint or prompts that do not fit the model.
    """
    subject = measured_model(config, loops=config.loops)
    settled = subject.settled(config)
    changed = "" if config.shift == "none" else f"-{config.shift}"
    return measured_once(
        EVALUATE,
        settled,
        slug=f"{subject.checkpoint.run_name}-{config.table or subject.task}{changed}",
        request=request,
        inputs=subject.inputs,
        measure=lambda _: _measure(settled, subject, on_step),
    )


def _measure(config: EvaluateConfig, subject: MeasuredModel, on_step: OnStep) -> Measured:
    """Every measurement that the settings ask for, its steps counted over all of them."""
    runtime = prepare(config)
    evaluation = Evaluation(config=config, runtime=runtime, subject=subject, model=subject.model.to(runtime.device))
    records: list[Row] = []
    summary: dict[str, Value] = {}
    measurements = measurements_of(evaluation)
    steps = sum(measurement.steps for measurement in measurements)
    done = 0
    for measurement in measurements:

        def report(within: int, *, before: int = done, name: str = measurement.name) -> None:
            on_step(StepProgress(step=before + within, steps=steps, phase=name))

        report(0)
        found = measurement.work(report)
        records += found.records
        summary |= found.summary
        done += measurement.steps
    on_step(StepProgress(step=steps, steps=steps, phase="done"))
    return Measured(
        label=subject.checkpoint.label,
        summary={**summary, "trained_steps": subject.checkpoint.step},
        records=records,
        environment=environment(runtime),
        settings=subject.settings,
    )
