"""The one training loop: steps, logs, evaluates, saves, resumes, stops on a signal or a loss that is not finite.

It knows nothing of models or gradients. Values stay on the device between logged steps; saving never changes the
numbers, so an interrupted and resumed run ends in the same bytes as one never interrupted.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from icltool.core.errors import DivergedError, InterruptedRun, LostProcessError
from icltool.core.interrupts import deferred_interrupts
from icltool.core.metrics_log import append_rows, drop_rows_after
from icltool.core.progress import OnStep, StepProgress
from icltool.core.run_folder import RunFolder
from icltool.training.learner import Learner, Number
from icltool.training.resume_file import load_state, save_state
from icltool.training.training_config import Pace

# At a step: the held-out measurements to log there.
Evaluate = Callable[[int], Mapping[str, float]]
# At a saved step, with the last measurements: write the model for later commands.
SaveModel = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of the whole training (all processes of a resumed run) and its steady rate."""

    steps: int
    seconds: float
    steps_per_second: float


@dataclass
class _Session:
    """What this process has seen since it started or resumed."""

    start: int
    held_out: dict[str, float]
    seconds_before: float
    began: float = field(default_factory=time.perf_counter)
    mark: float = field(default_factory=time.perf_counter)
    # CPU time of the steps alone, resumed ones included: unlike the clock's, it is the same beside other work.
    cpu_seconds: float = 0.0
    cpu_mark: float = field(default_factory=time.process_time)
    steady_steps: int = 0
    steady_seconds: float = 0.0
    intervals: int = 0
    pending: list[Mapping[str, Tensor]] = field(default_factory=list[Mapping[str, Tensor]])
    last_saved: int = 0

    @property
    def seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.began


def run_training(
    learner: Learner,
    *,
    pace: Pace,
    run: RunFolder,
    evaluate: Evaluate,
    save_model: SaveModel,
    on_step: OnStep,
) -> Timing:
    """Train to `pace.steps`, from the folder's resume state when it has one.

    Raises `DivergedError` at a loss that is not finite (the last good state stays in the folder) and `InterruptedRun`
    after SIGINT or SIGTERM (the state is saved first).
    """
    session = _start(learner, run)
    with deferred_interrupts() as interrupts:
        on_step(StepProgress(step=session.start, steps=pace.steps, start=session.start, run=run.path))
        for step in range(session.start + 1, pace.steps + 1):
            try:
                session.pending.append(learner.advance(step))
            except LostProcessError as error:
                raise _saved_before(error, learner, session, step, run=run, save_model=save_model) from None
            last = step == pace.steps
            stop = interrupts.signal_number is not None
            evaluating = step % pace.eval_every == 0 or last
            logging = step % pace.log_every == 0 or evaluating
            saving = step % pace.save_every == 0 or last or stop
            if logging or saving:
                values = _flush(learner, session, step, run=run)
                if evaluating:
                    session.held_out = dict(evaluate(step))
                    values.update(session.held_out)
                    session.mark, session.cpu_mark = time.perf_counter(), time.process_time()
                if logging:
                    append_rows(run.metrics, [values])
                    on_step(StepProgress(step=step, steps=pace.steps, start=session.start, run=run.path, values=values))
            if saving:
                _save(learner, session, step, run=run, save_model=save_model)
            if interrupts.signal_number is not None and stop:
                raise InterruptedRun(
                    f"interrupted at step {step} of {pace.steps}; {run.path} holds the state, go on with --resume",
                    signal_number=interrupts.signal_number,
                )
    # Of a short run the whole, with the first steps that warm up: better than nothing.
    taken, seconds = session.steady_steps, session.steady_seconds
    if not seconds:
        taken, seconds = pace.steps - session.start, time.perf_counter() - session.began
    rate = taken / seconds if seconds else 0.0
    return Timing(steps=pace.steps, seconds=session.seconds, steps_per_second=rate)


def _start(learner: Learner, run: RunFolder) -> _Session:
    if not run.resume_state.exists():
        drop_rows_after(run.metrics, 0)
        return _Session(start=0, held_out={}, seconds_before=0.0)
    state, step, notes = load_state(run.resume_state)
    learner.restore(state)
    drop_rows_after(run.metrics, step)
    return _Session(
        start=step,
        held_out=notes["held_out"],
        seconds_before=notes["seconds"],
        cpu_seconds=notes.get("cpu_seconds", 0.0),
        last_saved=step,
    )


def _flush(learner: Learner, session: _Session, step: int, *, run: RunFolder) -> dict[str, Number]:
    """Fetch the pending steps' values in one transfer, check them, and return the last step's row."""
    names = list(session.pending[0])
    table = torch.stack([torch.stack([row[name].detach().float() for name in names]) for row in session.pending])
    rows: list[list[float]] = table.cpu().tolist()
    first = step - len(rows) + 1
    for offset, values in enumerate(rows):
        finite = [math.isfinite(value) for value in values]
        if not all(finite):
            raise DivergedError(
                f"the {names[finite.index(False)]} is not finite at step "
                f"{first + offset}; {_kept(session, run)}; try a smaller --lr or a smaller --clip"
            )
    now = time.perf_counter()
    elapsed = max(now - session.mark, 1e-9)
    session.mark = now
    cpu = time.process_time()
    session.cpu_seconds += cpu - session.cpu_mark
    session.cpu_mark = cpu
    session.intervals += 1
    if session.intervals > 1:
        # The first interval holds compilation and cold caches.
        session.steady_steps += len(rows)
        session.steady_seconds += elapsed
    session.pending.clear()
    conditions = learner.conditions()
    row: dict[str, Number] = {"step": step, **dict(zip(names, rows[-1], strict=True)), **conditions}
    if conditions.get("prompts") is not None:
        row["prompts_per_second"] = round(len(rows) * float(conditions["prompts"] or 0) / elapsed, 1)
    row["cpu_seconds"] = round(session.cpu_seconds, 3)
    return row


def _save(learner: Learner, session: _Session, step: int, *, run: RunFolder, save_model: SaveModel) -> None:
    state = learner.state()
    broken = [name for name, tensor in state.tensors.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise DivergedError(
            f"{broken[0]} is not finite after step {step}; {_kept(session, run)}; try a smaller --lr or --clip"
        )
    save_model(step, session.held_out)
    notes = {"held_out": session.held_out, "seconds": session.seconds, "cpu_seconds": session.cpu_seconds}
    save_state(run.resume_state, state, step=step, notes=notes)
    session.last_saved = step


def _saved_before(
    error: LostProcessError, learner: Learner, session: _Session, step: int, *, run: RunFolder, save_model: SaveModel
) -> LostProcessError:
    """Save the state of the step before the one that has not happened; the error, with where the state is."""
    if step - 1 > session.last_saved:
        _save(learner, session, step - 1, run=run, save_model=save_model)
    return LostProcessError(f"{error}; {_kept(session, run)}, go on with --resume")


def _kept(session: _Session, run: RunFolder) -> str:
    if session.last_saved == 0:
        return f"no state had been saved yet in {run.path}"
    return f"the last good state (step {session.last_saved}) is in {run.path}"
