"""What `eval` measures, one stage each: the model over its loops, halting, the baselines, the shifts."""

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
from icltool.regression.data.config import FunctionClass, Shift
from icltool.regression.data.function_classes import error_scale
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
    evaluation_prompts,
    fitted_errors,
    model_errors,
)
from icltool.regression.evaluation.loop_by_loop import halting_predictions, trace_loops
from icltool.regression.models.baselines import zero
from icltool.regression.models.fitted_baselines import FITTED_BASELINES
from icltool.regression.models.loop_plan import last_loop_plan
from icltool.regression.models.looped import LoopedTransformer
from icltool.regression.studies.evaluate.config import EvaluateConfig

# Halting is shown for these beside the tolerance asked for: they cost nothing once the loops are traced.
TOLERANCES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4)
# Prompts between two reports of the learners that are fitted to each prefix.
FITTED_CHUNK = 8

Tell = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is measured and how; `task`, `n` and `loops` are settled here, where the config may leave them open."""

    config: EvaluateConfig
    runtime: Runtime
    model: LoopedTransformer
    label: str
    task: FunctionClass
    n: int
    loops: int

    @property
    def seeds(self) -> range:
        """The evaluation seeds."""
        return range(self.config.eval_seed, self.config.eval_seed + self.config.seeds)

    @property
    def scale(self) -> float:
        """What squared errors are divided by."""
        d = self.model.config.d
        table = self.config.table
        return error_scale(self.task, d=d) if table is None else table_error_scale(table, self.task, d=d)

    def prompts(self, shift: Shift) -> Prompts:
        """The held-out prompts of all the seeds, one seed after the other."""
        count, n, d, table = self.config.eval_prompts, self.n, self.model.config.d, self.config.table
        return joined(
            [
                evaluation_prompts(self.task, seed=seed, prompts=count, n=n, d=d, shift=shift)
                if table is None
                else table_prompts(table, self.task, seed=seed, batch=count, n=n, d=d)
                for seed in self.seeds
            ]
        )


@dataclass(frozen=True, kw_only=True)
class Found:
    """A stage's records, and what it adds to the summary."""

    records: list[Row]
    summary: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the evaluation; `steps` weighs it in loops of one chunk of prompts, for the progress bar."""

    name: str
    steps: int
    work: Callable[[Tell], Found]


def stages_of(subject: Subject) -> list[Stage]:
    """The stages that the settings ask for, in order."""
    config = subject.config
    prompts = subject.prompts(config.shift)
    loops_of_chunks = subject.loops * math.ceil(len(prompts.ys) / CHUNK)
    stages = [
        Stage(name="model", steps=loops_of_chunks, work=partial(_model, subject, prompts)),
        Stage(name="baselines", steps=1, work=partial(_baselines, subject, prompts)),
    ]
    if config.baselines == "all":
        fits = math.ceil(min(config.fitted_prompts, len(prompts.ys)) / FITTED_CHUNK)
        stages += [
            Stage(name=name.lower(), steps=fits, work=partial(_fitted_baseline, subject, prompts, name))
            for name in FITTED_BASELINES
        ]
    if config.shifts == "all":
        stages += [
            Stage(name=shift, steps=loops_of_chunks, work=partial(_under_shift, subject, shift))
            for shift in get_args(Shift)
        ]
    return stages


def _model(subject: Subject, prompts: Prompts, tell: Tell) -> Found:
    """The model over its loops, and the halting that its trace shows."""
    trace = trace_loops(
        subject.model, prompts, subject.runtime, loops=subject.loops, on_loop=lambda done, _all: tell(done)
    )
    by_example = (trace.last - prompts.query_ys).square() / subject.scale
    by_loop = (trace.by_loop - prompts.query_ys[:, -1]).square() / subject.scale
    seed, examples = subject.config.eval_seed, prompts.ys.shape[1] - 1
    records = [
        *example_records(subject.label, by_example, loops=subject.loops, seed=seed),
        *loop_records(subject.label, by_loop, examples=examples, seed=seed),
        *residual_records(subject.label, trace.residuals),
    ]
    summary: dict[str, Value] = {
        "held_out_error": float(by_example[:, -1].double().mean()),
        "best_loop": int(by_loop.mean(1).argmin()) + 1,
        **_beyond_training(subject, by_loop),
    }
    if len(subject.seeds) > 1:
        of_seed = dict(zip(subject.seeds, by_loop.split(subject.config.eval_prompts, dim=1), strict=True))
        records += seed_records(subject.label, of_seed, examples=examples)
    if subject.config.halt_tol is not None:
        tolerance = subject.config.halt_tol
        records += halting_records(
            subject.label, by_loop, trace.residuals, asked=tolerance, tolerances=TOLERANCES, seed=seed
        )
        summary |= _halted(subject, prompts, tolerance)
    return Found(records=records, summary=summary)


def _beyond_training(subject: Subject, by_loop: Float[Tensor, "loops B"]) -> dict[str, Value]:
    """Where more loops than trained are asked for: the last point's error at b and at 2b of them too."""
    b = subject.model.config.loops
    means = by_loop.double().mean(1).tolist()
    places = {"error_after_b_loops": b, "error_after_2b_loops": 2 * b}
    return {name: means[loops - 1] for name, loops in places.items() if loops < len(means)}


def _halted(subject: Subject, prompts: Prompts, tolerance: float) -> dict[str, Value]:
    """What halting at this tolerance really spends."""
    halted = halting_predictions(subject.model, prompts, subject.runtime, most=subject.loops, tolerance=tolerance)
    errors = (halted.predictions - prompts.ys[:, -1]).square() / subject.scale
    return {
        "halted_error": float(errors.double().mean()),
        "halted_loops": float(halted.loops.double().mean()),
    }


def _baselines(subject: Subject, prompts: Prompts, _tell: Tell) -> Found:
    errors = all_baseline_errors(prompts, subject.task, scale=subject.scale)
    return Found(records=baseline_records(errors, seed=subject.config.eval_seed))


def _fitted_baseline(subject: Subject, prompts: Prompts, name: str, tell: Tell) -> Found:
    """One of the slow learners, on the first prompts and at a few places."""
    count = min(subject.config.fitted_prompts, len(prompts.ys))
    # Before the first example all of them predict zero.
    places = [place for place in spread(prompts.ys.shape[1] - 1, subject.config.fitted_places) if place]
    parts: list[Tensor] = []
    for start in range(0, count, FITTED_CHUNK):
        some = prompts.rows(start, min(start + FITTED_CHUNK, count))
        parts.append(fitted_errors(FITTED_BASELINES[name], some, places, scale=subject.scale))
        tell(len(parts))
    rows = baseline_records({name: torch.cat(parts)}, seed=subject.config.eval_seed, places=places)
    return Found(records=rows)


def _under_shift(subject: Subject, shift: Shift, _tell: Tell) -> Found:
    prompts = subject.prompts(shift)
    plan = last_loop_plan(subject.loops)
    errors = model_errors(subject.model, prompts, plan, subject.runtime, scale=subject.scale)[-1]
    baselines = {
        ZERO: baseline_errors(zero, prompts, scale=subject.scale),
        **all_baseline_errors(prompts, subject.task, scale=subject.scale),
    }
    rows = shift_records(shift, (subject.label, errors), baselines, seed=subject.config.eval_seed)
    return Found(records=rows)
