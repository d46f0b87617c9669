"""`train`: from settings to a trained model, its held-out errors and a run folder."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from icltool.core.progress import OnStep, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import Measured, RunFolder
from icltool.core.runtime import Runtime, environment, prepare, restored_process
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.regression.data.function_classes import error_scale
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.error_records import BY_EXAMPLE, baseline_records, model_records
from icltool.regression.evaluation.in_context import all_baseline_errors, evaluation_prompts, model_errors
from icltool.regression.models.checkpoint import model_label, new_model, save_checkpoint
from icltool.regression.models.loop_plan import every_loop_plan, last_loop_plan
from icltool.regression.models.looped import LoopedTransformer
from icltool.regression.studies.train import TRAIN
from icltool.regression.studies.train.config import INTERIM_PROMPTS, TrainConfig
from icltool.regression.studies.train.objective import RegressionObjective
from icltool.training.gradient_learner import GradientLearner
from icltool.training.shared_training import Share, lead, shared
from icltool.training.shared_training import follow as follow_leader
from icltool.training.trained_study import trained_study

HELD_OUT_ERROR = "held_out_error"


@restored_process()
def run(config: TrainConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Train, or go on training, and measure; a finished run of the same settings is returned at once.

    Raises `DivergedError`, `InterruptedRun`, `RunFolderError`, `OutputError` (see `icltool.core.errors`).
    """
    config = config.resolved()
    runtime = prepare(config)
    with shared(runtime.device) as share:

        @contextmanager
        def begin() -> Generator[_Training]:
            share.require_rows(config.batch)
            yield _Training(config, runtime, share)

        return trained_study(
            TRAIN,
            config,
            slug=config.slug,
            request=request,
            pace=config.pace(config.steps),
            begin=begin,
            on_step=on_step,
        )


def follow(config: TrainConfig) -> None:
    """In the other processes of a `torchrun`: take part in the training that `run` leads, and write nothing."""
    config = config.resolved()
    runtime = prepare(config)
    with shared(runtime.device) as share:
        _, learner = _model_and_learner(config, runtime, share)
        follow_leader(learner, share)


def _model_and_learner(
    config: TrainConfig, runtime: Runtime, share: Share
) -> tuple[LoopedTransformer, GradientLearner]:
    """A fresh model, and what trains it in this process."""
    model = new_model(config, generator(config.seed, "weights")).to(runtime.device)
    objective = RegressionObjective(model, config, runtime, share=share)
    return model, GradientLearner(model, objective, config, runtime, share=share)


class _Training:
    """One run: its model, its learner, its held-out prompts."""

    def __init__(self, config: TrainConfig, runtime: Runtime, share: Share) -> None:
        self.config = config
        self.runtime = runtime
        self.model, learner = _model_and_learner(config, runtime, share)
        self.learner = lead(learner, share)
        self._scale = error_scale(config.task, d=config.d)
        self._some = self._held_out(min(INTERIM_PROMPTS, config.eval_prompts))

    def evaluate(self, step: int) -> Mapping[str, float]:
        """The error of the last point; the last value of the curve is on all the prompts, as the result is."""
        prompts = self._some if step < self.config.steps else self._held_out(self.config.eval_prompts)
        plan = last_loop_plan(self.config.loops)
        errors = model_errors(self.model, prompts, plan, self.runtime, scale=self._scale)
        return {HELD_OUT_ERROR: float(errors[-1, :, -1].double().mean())}

    def save_model(self, path: Path, *, step: int, metrics: Mapping[str, Value]) -> None:
        """The model as later commands read it."""
        save_checkpoint(path, self.model, study=TRAIN.name, config=self.config, step=step, metrics=metrics)

    def measure(self, folder: RunFolder) -> Measured:
        """Errors at every point and loop; the checkpoint's header carries the final one."""
        config = self.config
        prompts = self._held_out(config.eval_prompts)
        errors = model_errors(self.model, prompts, every_loop_plan(config.loops), self.runtime, scale=self._scale)
        label = model_label(config)
        records: list[Row] = [
            *model_records(label, errors, seed=config.eval_seed),
            *baseline_records(all_baseline_errors(prompts, config.task), seed=config.eval_seed),
        ]
        final_error = float(errors[-1, :, -1].double().mean())
        self.save_model(folder.model, step=config.steps, metrics={HELD_OUT_ERROR: final_error})
        return Measured(
            label=label,
            summary={
                HELD_OUT_ERROR: final_error,
                **_baselines_at_the_last_point(records, config.n - 1),
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            },
            records=records,
            environment=environment(self.runtime),
        )

    def _held_out(self, prompts: int) -> Prompts:
        config = self.config
        return evaluation_prompts(config.task, seed=config.eval_seed, prompts=prompts, n=config.n, d=config.d)


def _baselines_at_the_last_point(records: list[Row], examples: int) -> dict[str, Value]:
    return {
        f"{row['model']} error": row["mean"]
        for row in records
        if row["measure"] == BY_EXAMPLE and row["role"] == "baseline" and row["examples"] == examples
    }
