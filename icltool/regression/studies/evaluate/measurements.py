"""What `eval` measures: the model over its loops, halting, the baselines, the shifts."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor

from icltool.core.result import Row, Value
from icltool.core.runtime import Runtime
from icltool.core.table import spread
from icltool.regression.data.config import Shift
from icltool.regression.data.prompts import Prompts, joined
from icltool.regression.data.real_tables import table_error_scale, table_prompts
from icltool.regression.evaluation.error_records import (
    ZERO,
    baseline_records,
    example_records,
    halting_records,
    loop_records,
    residual_records,
    seed_records,
    shift_records,
)
from icltool.regression.evaluation.in_context import (
    CHUNK,
    all_baseline_errors,
    baseline_errors,
    fitted_errors,
    model_errors,
)
from icltool.regression.evaluation.loop_by_loop import halting_predictions, trace_loops
from icltool.regression.models.baselines import zero
from icltool.regression.models.fitted_baselines import FITTED_BASELINES
from icltool.regression.models.loop_plan import last_loop_plan
from icltool.regression.models.looped import LoopedTransformer
from icltool.regression.studies.evaluate.config import EvaluateConfig
from icltool.regression.studies.measured_model import MeasuredModel

# Halting is shown for these beside the tolerance asked for: they cost nothing once the loops are traced.
TOLERANCES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4)
# Prompts between two reports of the learners that are fitted to each prefix.
FITTED_CHUNK = 8

# Takes the steps of a measurement that are done.
Report = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is measured, how, and on which machine."""

    config: EvaluateConfig
    runtime: Runtime
    subject: MeasuredModel
    model: LoopedTransformer

    @property
    def label(self) -> str:
        """What records call the model."""
        return self.subject.checkpoint.label

    @property
    def loops(self) -> int:
        """Loops to run."""
        return self.subject.loops

    @property
    def seeds(self) -> range:
        """The evaluation seeds."""
        return range(self.config.eval_seed, self.config.eval_seed + self.config.seeds)

    @property
    def scale(self) -> float:
        """What squared errors are divided by."""
        table, subject = self.config.table, self.subject
        return subject.error_scale if table is None else table_error_scale(table, subject.task, d=subject.d)

    def prompts(self, shift: Shift) -> Prompts:
        """The held-out prompts of all the seeds, one seed after the other."""
        return joined([self._prompts_of(seed, shift) for seed in self.seeds])

    def _prompts_of(self, seed: int, shift: Shift) -> Prompts:
        count, table, subject = self.config.eval_prompts, self.config.table, self.subject
        if table is None:
            return subject.held_out(seed=seed, prompts=count, shift=shift)
        return table_prompts(table, subject.task, seed=seed, batch=count, n=subject.n, d=subject.d)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A measurement's records, and what it adds to the summary."""

    records: list[Row]
    summary: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A part of the evaluation; `steps` weighs it in loops of one chunk of prompts, for the progress bar."""

    name: str
    steps: int
    work: Callable[[Report], Findings]


def measurements_of(evaluation: Evaluation) -> list[Measurement]:
    """The measurements that the settings ask for, in order."""
    config = evaluation.config
    prompts = evaluation.prompts(config.shift)
    loops_of_chunks = evaluation.loops * math.ceil(len(prompts.ys) / CHUNK)
    measurements = [
        Measurement(name="model", steps=loops_of_chunks, work=partial(_model, evaluation, prompts)),
        Measurement(name="baselines", steps=1, work=partial(_baselines, evaluation, prompts)),
    ]
    if config.baselines == "all":
        fits = math.ceil(min(config.fitted_prompts, len(prompts.ys)) / FITTED_CHUNK)
        measurements += [
            Measurement(name=name.lower(), steps=fits, work=partial(_fitted_baseline, evaluation, prompts, name))
            for name in FITTED_BASELINES
        ]
    if config.shifts == "all":
        measurements += [
            Measurement(name=shift, steps=loops_of_chunks, work=partial(_under_shift, evaluation, shift))
            for shift in get_args(Shift)
        ]
    return measurements


def _model(evaluation: Evaluation, prompts: Prompts, report: Report) -> Findings:
    """The model over its loops, and the halting that its trace shows."""
    trace = trace_loops(
        evaluation.model, prompts, evaluation.runtime, loops=evaluation.loops, on_loop=lambda done, _all: report(done)
    )
    by_example = (trace.last - prompts.query_ys).square() / evaluation.scale
    by_loop = (trace.by_loop - prompts.query_ys[:, -1]).square() / evaluation.scale
    seed, examples = evaluation.config.eval_seed, prompts.ys.shape[1] - 1
    records = [
        *example_records(evaluation.label, by_example, loops=evaluation.loops, seed=seed),
        *loop_records(evaluation.label, by_loop, examples=examples, seed=seed),
        *residual_records(evaluation.label, trace.residuals),
    ]
    summary: dict[str, Value] = {
        "held_out_error": float(by_example[:, -1].double().mean()),
        "best_loop": int(by_loop.mean(1).argmin()) + 1,
        **_beyond_training(evaluation, by_loop),
    }
    if len(evaluation.seeds) > 1:
        of_seed = dict(zip(evaluation.seeds, by_loop.split(evaluation.config.eval_prompts, dim=1), strict=True))
        records += seed_records(evaluation.label, of_seed, examples=examples)
    if evaluation.config.halt_tol is not None:
        tolerance = evaluation.config.halt_tol
        records += halting_records(
            evaluation.label, by_loop, trace.residuals, asked=tolerance, tolerances=TOLERANCES, seed=seed
        )
        summary |= _halted(evaluation, prompts, tolerance)
    return Findings(records=records, summary=summary)


def _beyond_training(evaluation: Evaluation, by_loop: Float[Tensor, "loops B"]) -> dict[str, Value]:
    """Where more loops than trained are asked for: the last point's error at b and at 2b of them too."""
    b = evaluation.model.config.loops
    means = by_loop.double().mean(1).tolist()
    places = {"error_after_b_loops": b, "error_after_2b_loops": 2 * b}
    return {name: means[loops - 1] for name, loops in places.items() if loops < len(means)}


def _halted(evaluation: Evaluation, prompts: Prompts, tolerance: float) -> dict[str, Value]:
    """What halting at this tolerance really spends."""
    halted = halting_predictions(
        evaluation.model, prompts, evaluation.runtime, most=evaluation.loops, tolerance=tolerance
    )
    errors = (halted.predictions - prompts.ys[:, -1]).square() / evaluation.scale
    return {
        "halted_error": float(errors.double().mean()),
        "halted_loops": float(halted.loops.double().mean()),
    }


def _baselines(evaluation: Evaluation, prompts: Prompts, _report: Report) -> Findings:
    errors = all_baseline_errors(prompts, evaluation.subject.task, scale=evaluation.scale)
    return Findings(records=baseline_records(errors, seed=evaluation.config.eval_seed))


def _fitted_baseline(evaluation: Evaluation, prompts: Prompts, name: str, report: Report) -> Findings:
    """One of the slow learners, on the first prompts and at a few places."""
    count = min(evaluation.config.fitted_prompts, len(prompts.ys))
    # Before the first example all of them predict zero.
    places = [place for place in spread(prompts.ys.shape[1] - 1, evaluation.config.fitted_places) if place]
    parts: list[Tensor] = []
    for start in range(0, count, FITTED_CHUNK):
        some = prompts.rows(start, min(start + FITTED_CHUNK, count))
        parts.append(fitted_errors(FITTED_BASELINES[name], some, places, scale=evaluation.scale))
        report(len(parts))
    rows = baseline_records({name: torch.cat(parts)}, seed=evaluation.config.eval_seed, places=places)
    return Findings(records=rows)


def _under_shift(evaluation: Evaluation, shift: Shift, _report: Report) -> Findings:
    prompts = evaluation.prompts(shift)
    plan = last_loop_plan(evaluation.loops)
    errors = model_errors(evaluation.model, prompts, plan, evaluation.runtime, scale=evaluation.scale)[-1]
    baselines = {
        ZERO: baseline_errors(zero, prompts, scale=evaluation.scale),
        **all_baseline_errors(prompts, evaluation.subject.task, scale=evaluation.scale),
    }
    rows = shift_records(shift, (evaluation.label, errors), baselines, seed=evaluation.config.eval_seed)
    return Findings(records=rows)
