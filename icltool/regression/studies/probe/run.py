"""`probe`: how well a target can be decoded from each state of a trained model (Yang et al. 2023, section 5.3).

Normalisation, the paper's: the squared error is averaged over the d coordinates and over prompts and divided by nothing
else. For w ~ N(0, I) predicting zero scores 1 for the target w and i/d for Wols of prefix i, (d+1)/(2d) in the mean
over its prefixes (.525 for d = 20; the paper's embedding probe gets .497 there). Each record carries, as `zero`, what
predicting zero scores on the same prompts.

Legend: B prompts, S states, k prefixes (targets) of a state, d dimensions.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from icltool.core.bootstrap import bootstrap_mean
from icltool.core.files import sha256_of
from icltool.core.progress import OnStep, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import RunFolder, RunRequest, open_run
from icltool.core.runtime import Runtime, environment, prepare
from icltool.core.seeding import generator
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.hidden_states import HiddenState, hidden_states
from icltool.regression.evaluation.in_context import evaluation_prompts
from icltool.regression.evaluation.probe_targets import probe_targets
from icltool.regression.models.checkpoint import Checkpoint, load_checkpoint
from icltool.regression.models.probes import Probes, ProbeSizes, prompt_errors
from icltool.regression.studies.probe.config import ProbeConfig
from icltool.regression.studies.probe.learner import ProbedStates, ProbeLearner, states_at_once, training_prompts
from icltool.training.loop import Pace, Timing, run_training

STUDY = "probe"
BY_STATE = "probe error by state"
BY_PREFIX = "probe error by prefix"
CHUNK = 256
# Enough for a curve during training; the final figures use all of `eval_prompts`.
INTERIM_PROMPTS = 256


def run(config: ProbeConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Probe a checkpoint; a finished run of the same settings on the same file is returned at once.

    Records (see the module for the normalisation): measure (by state, the mean over prefixes; by prefix), model, role
    (probe or control), state, index, loop, layer, prefix, mean, low, high, zero. Raises `InputError` for a bad
    checkpoint or prompts that do not fit the model, and `UsageError` for a target that the functions do not have.
    """
    checkpoint = load_checkpoint(Path(config.checkpoint))
    trained = checkpoint.model.config
    # What is left open is fixed before the run is named, so that asking for it explicitly is the same run.
    settled = config.resolved().model_copy(
        update={
            "task": config.task or checkpoint.task,
            "n": config.n or trained.n,
            "loops": config.loops or trained.loops,
        }
    )
    _require_targets(settled, d=trained.d)
    inputs = {"checkpoint": sha256_of(checkpoint.path)}
    slug = f"{checkpoint.run_name}-{config.target}{'-control' if config.control else ''}"
    with open_run(STUDY, settled, slug=slug, request=request or RunRequest(), inputs=inputs) as folder:
        if folder.finished:
            return folder.result()
        return _Probing(settled, checkpoint, folder).run(on_step)


def _require_targets(config: ProbeConfig, *, d: int) -> None:
    """Raise before anything is written when the functions lack what the target or the control needs."""
    probe_targets(training_prompts(config.model_copy(update={"batch": 1}), 1, d=d), config)


class _Probing:
    """One run: its model, its probes, its test prompts."""

    def __init__(self, config: ProbeConfig, checkpoint: Checkpoint, folder: RunFolder) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.folder = folder
        self.runtime = prepare(config)
        self.model = checkpoint.model.to(self.runtime.device)
        self.d = self.model.config.d
        self.states = hidden_states(self.model, loops=config.loops or 1)
        self.prefixes = config.prefixes(n=config.n or 1, d=self.d)
        sizes = ProbeSizes(
            states=len(self.states),
            targets=len(self.prefixes),
            tokens=2 * (config.n or 1),
            width=self.model.config.width,
            hidden=config.hidden if config.probe == "mlp" else 0,
            d=self.d,
        )
        self.probed = ProbedStates(self.model, config, self.runtime)
        self.probes = Probes(sizes, generator=generator(config.seed, "probe-weights")).to(self.runtime.device)
        self.held_out = evaluation_prompts(
            config.task or checkpoint.task,
            seed=config.eval_seed,
            prompts=config.eval_prompts,
            n=config.n or 1,
            d=self.d,
        )

    def run(self, on_step: OnStep) -> Result:
        """Train, test, write the result."""
        config = self.config
        pace = Pace(
            steps=config.steps,
            log_every=config.log_every,
            eval_every=config.eval_every,
            save_every=config.save_every,
        )
        timing = run_training(
            ProbeLearner(self.probed, self.probes, config, self.runtime),
            pace=pace,
            run=self.folder,
            evaluate=self._evaluate,
            save_model=_save_nothing,
            on_step=on_step,
        )
        result = self._result(timing)
        result.save()
        self.folder.resume_state.unlink(missing_ok=True)
        return result

    def _evaluate(self, _step: int) -> Mapping[str, float]:
        errors = self._errors(self.held_out.rows(0, INTERIM_PROMPTS))
        return {"held_out_error": float(errors.mean())}

    def _errors(self, prompts: Prompts) -> Float[Tensor, "B S k"]:
        return probe_errors(self.probed, self.probes, prompts, self.config, self.runtime)

    def _result(self, timing: Timing) -> Result:
        config = self.config
        targets = probe_targets(self.held_out, config).double()
        zero = reduce(targets.square(), "k B d -> k", "mean")
        rows = self._records(self._errors(self.held_out), zero)
        return Result(
            kind=STUDY,
            label=self.checkpoint.label,
            config={**config.identity(), "d": self.d, "b": self.model.config.loops},
            inputs=self.folder.inputs,
            environment=environment(self.runtime),
            summary={
                **_summary([row for row in rows if row["measure"] == BY_STATE]),
                "probes": len(self.states) * len(self.prefixes),
                "steps": timing.steps,
                "steps_per_second": round(timing.steps_per_second, 2),
                "seconds": round(timing.seconds, 1),
            },
            records=rows,
            run=self.folder.path,
        )

    def _records(self, errors: Float[Tensor, "B S k"], zero: Float[Tensor, "k"]) -> list[Row]:
        seed = self.config.eval_seed
        over_prefixes = bootstrap_mean(reduce(errors, "B S k -> B S", "mean"), generator(seed, "bootstrap"))
        each = bootstrap_mean(errors, generator(seed, "bootstrap"))
        common = {"model": self.checkpoint.label, "role": "control" if self.config.control else "probe"}
        rows: list[Row] = []
        for state in self.states:
            mean, low, high = (float(side[state.index]) for side in over_prefixes)
            bands: Row = {"prefix": None, "mean": mean, "low": low, "high": high, "zero": float(zero.mean())}
            rows.append({"measure": BY_STATE, **common, **_named(state), **bands})
        for state in self.states:
            for place, prefix in enumerate(self.prefixes):
                mean, low, high = (float(side[state.index, place]) for side in each)
                bands = {"prefix": prefix, "mean": mean, "low": low, "high": high, "zero": float(zero[place])}
                rows.append({"measure": BY_PREFIX, **common, **_named(state), **bands})
        return rows


def probe_errors(
    probed: ProbedStates, probes: Probes, prompts: Prompts, config: ProbeConfig, runtime: Runtime
) -> Float[Tensor, "B S k"]:
    """The squared error of every probe on every prompt, the mean over the d coordinates, on the CPU."""
    parts: list[Tensor] = []
    for start in range(0, prompts.ys.shape[0], CHUNK):
        chunk = prompts.rows(start, start + CHUNK)
        targets = probe_targets(chunk, config).to(runtime.device)
        by_state: list[Tensor] = []

        def visit(first: int, states: Tensor, targets: Tensor = targets, by_state: list[Tensor] = by_state) -> None:
            with torch.no_grad():
                errors = prompt_errors(probes.of_states(first, states.shape[0]), states, targets)
            by_state.append(rearrange(errors, "s k B -> B s k").cpu())

        probed.visit(chunk, at_once=states_at_once(probes, runtime, batch=chunk.ys.shape[0]), visit=visit)
        parts.append(torch.cat(by_state, dim=1))
    return torch.cat(parts)


def _save_nothing(_step: int, _metrics: Mapping[str, float]) -> None:
    """The probes themselves are no result; an unfinished run has them in its resume state."""


def _named(state: HiddenState) -> dict[str, Value]:
    return {"state": state.name, "index": state.index, "loop": state.loop, "layer": state.layer}


def _summary(rows: list[Row]) -> dict[str, Value]:
    """The mean errors over the prefixes that tell the story: first, best, last, and predicting zero."""
    best = min(rows, key=lambda row: float(str(row["mean"])))
    return {
        "best_state": best["state"],
        "best_error": best["mean"],
        "embedding_error": rows[0]["mean"],
        "last_error": rows[-1]["mean"],
        "error_of_predicting_zero": rows[0]["zero"],
    }
