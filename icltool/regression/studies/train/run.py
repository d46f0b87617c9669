"""`train`: from settings to a trained model, its held-out errors and a run folder."""

from collections.abc import Mapping

from icltool.core.progress import OnStep, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import RunFolder, RunRequest, open_run
from icltool.core.runtime import Runtime, environment, prepare
from icltool.core.seeding import generator
from icltool.regression.data.function_classes import error_scale
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.error_records import BY_EXAMPLE, baseline_records, model_records
from icltool.regression.evaluation.in_context import all_baseline_errors, evaluation_prompts, model_errors
from icltool.regression.models.checkpoint import model_label, new_model, save_checkpoint
from icltool.regression.models.loop_plan import every_loop_plan, last_loop_plan
from icltool.regression.models.looped import LoopedTransformer
from icltool.regression.studies.train.config import TrainConfig
from icltool.regression.studies.train.objective import RegressionObjective
from icltool.training.gradient_learner import GradientLearner
from icltool.training.learner import Learner
from icltool.training.loop import Pace, Timing, run_training
from icltool.training.shared_training import Share, lead, shared
from icltool.training.shared_training import follow as follow_leader

STUDY = "train"
HELD_OUT_ERROR = "held_out_error"
# Enough for a curve; its last point and the final figures use all of `eval_prompts`.
INTERIM_PROMPTS = 256


def run(config: TrainConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Train, or go on training, and measure; a finished run of the same settings is returned at once.

    Raises `DivergedError`, `InterruptedRun`, `RunFolderError`, `OutputError` (see `icltool.core.errors`).
    """
    config = config.resolved()
    runtime = prepare(config)
    with (
        shared(runtime.device) as share,
        open_run(STUDY, config, slug=config.slug, request=request or RunRequest()) as folder,
    ):
        if folder.finished:
            return folder.result()
        share.require_rows(config.batch)
        model = _new_model(config, runtime)
        learner = lead(_learner(model, config, runtime, share), share)
        timing = _train(learner, model, config, runtime, folder=folder, on_step=on_step)
        return _finish(model, config, runtime, folder, timing)


def follow(config: TrainConfig) -> None:
    """In the other processes of a `torchrun`: take part in the training that `run` leads, and write nothing."""
    config = config.resolved()
    runtime = prepare(config)
    with shared(runtime.device) as share:
        follow_leader(_learner(_new_model(config, runtime), config, runtime, share), share)


def _new_model(config: TrainConfig, runtime: Runtime) -> LoopedTransformer:
    return new_model(config, generator(config.seed, "weights")).to(runtime.device)


def _learner(model: LoopedTransformer, config: TrainConfig, runtime: Runtime, share: Share) -> Learner:
    objective = RegressionObjective(model, config, runtime, share=share)
    return GradientLearner(model, objective, config, runtime, share=share)


def _train(
    learner: Learner,
    model: LoopedTransformer,
    config: TrainConfig,
    runtime: Runtime,
    *,
    folder: RunFolder,
    on_step: OnStep,
) -> Timing:
    some = _held_out(config, prompts=min(INTERIM_PROMPTS, config.eval_prompts))
    scale = error_scale(config.task, d=config.d)

    def evaluate(step: int) -> Mapping[str, float]:
        # The last figure of the curve is the result's.
        prompts = some if step < config.steps else _held_out(config, prompts=config.eval_prompts)
        errors = model_errors(model, prompts, last_loop_plan(config.loops), runtime, scale=scale)
        return {HELD_OUT_ERROR: float(errors[-1, :, -1].double().mean())}

    def save_model(step: int, metrics: Mapping[str, float]) -> None:
        save_checkpoint(folder.model, model, study=STUDY, config=config, step=step, metrics=metrics)

    pace = Pace(
        steps=config.steps,
        log_every=config.log_every,
        eval_every=config.eval_every,
        save_every=config.save_every,
    )
    return run_training(
        learner,
        pace=pace,
        run=folder,
        evaluate=evaluate,
        save_model=save_model,
        on_step=on_step,
    )


def _held_out(config: TrainConfig, *, prompts: int) -> Prompts:
    return evaluation_prompts(config.task, seed=config.eval_seed, prompts=prompts, n=config.n, d=config.d)


def _finish(
    model: LoopedTransformer, config: TrainConfig, runtime: Runtime, folder: RunFolder, timing: Timing
) -> Result:
    """The final measurements, the checkpoint whose header carries them, and result.json as the last file."""
    prompts = _held_out(config, prompts=config.eval_prompts)
    scale = error_scale(config.task, d=config.d)
    errors = model_errors(model, prompts, every_loop_plan(config.loops), runtime, scale=scale)
    label = model_label(config)
    records: list[Row] = [
        *model_records(label, errors, seed=config.eval_seed),
        *baseline_records(all_baseline_errors(prompts, config.task), seed=config.eval_seed),
    ]
    final_error = float(errors[-1, :, -1].double().mean())
    metrics: dict[str, Value] = {HELD_OUT_ERROR: final_error}
    save_checkpoint(folder.model, model, study=STUDY, config=config, step=config.steps, metrics=metrics)
    result = Result(
        kind=STUDY,
        label=label,
        config=config.identity(),
        environment=environment(runtime),
        summary={
            HELD_OUT_ERROR: final_error,
            **_baselines_at_the_last_point(records, config.n - 1),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "steps": timing.steps,
            "steps_per_second": round(timing.steps_per_second, 2),
            "seconds": round(timing.seconds, 1),
        },
        records=records,
        run=folder.path,
    )
    result.save()
    folder.resume_state.unlink(missing_ok=True)
    return result


def _baselines_at_the_last_point(records: list[Row], examples: int) -> dict[str, Value]:
    return {
        f"{row['model']} error": row["mean"]
        for row in records
        if row["measure"] == BY_EXAMPLE and row["role"] == "baseline" and row["examples"] == examples
    }
