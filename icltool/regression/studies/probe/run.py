"""`probe`: how well a target can be decoded from each state of a trained model (Yang et al. 2023, section 5.3).

Normalisation, the paper's: the squared error is averaged over the d coordinates and over prompts and divided by nothing
else. For w ~ N(0, I) predicting zero scores 1 for the target w and i/d for Wols of prefix i, (d+1)/(2d) in the mean
over its prefixes (.525 for d = 20; the paper's embedding probe gets .497 there). Each record carries, as `zero`, what
predicting zero scores on the same prompts.

Legend: B prompts, S states, k prefixes (targets) of a state, d dimensions.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from icltool.core.bootstrap import bootstrap_mean
from icltool.core.progress import OnStep, ignore_step
from icltool.core.result import Result, Row, Value, real
from icltool.core.run_folder import Measured, RunFolder
from icltool.core.runtime import Runtime, environment, prepare, restored_process
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.hidden_states import HiddenState, hidden_states
from icltool.regression.evaluation.probe_targets import probe_targets
from icltool.regression.models.probes import Probes, ProbeSizes, prompt_errors
from icltool.regression.studies.measured_model import MeasuredModel, measured_model
from icltool.regression.studies.probe import PROBE
from icltool.regression.studies.probe.config import INTERIM_PROMPTS, ProbeConfig
from icltool.regression.studies.probe.learner import ProbedStates, ProbeLearner, states_at_once, training_prompts
from icltool.training.trained_study import trained_study

BY_STATE = "probe error by state"
BY_PREFIX = "probe error by prefix"
CHUNK = 256


@restored_process()
def run(config: ProbeConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Probe a checkpoint; a finished run of the same settings on the same file is returned at once.

    Records (see the module for the normalisation): measure (by state, the mean over prefixes; by prefix), model, role
    (probe or control), state, index, loop, layer, prefix, mean, low, high, zero. Raises `InputError` for a bad
    checkpoint or prompts that do not fit the model, and `UsageError` for a target that the functions do not have.
    """
    subject = measured_model(config, loops=config.loops)
    settled = subject.settled(config)
    _require_targets(subject, settled)

    return trained_study(
        PROBE,
        settled,
        slug=f"{subject.checkpoint.run_name}-{config.target}{'-control' if config.control else ''}",
        request=request,
        inputs=subject.inputs,
        pace=settled.pace(settled.steps),
        begin=lambda: nullcontext(_Training(subject, settled)),
        on_step=on_step,
    )


def _require_targets(subject: MeasuredModel, config: ProbeConfig) -> None:
    """Raise before anything is written when the functions lack what the target or the control needs."""
    probe_targets(training_prompts(subject, config, 1, batch=1), config)


class _Training:
    """One run: its model, its probes, its test prompts."""

    def __init__(self, subject: MeasuredModel, config: ProbeConfig) -> None:
        self.subject = subject
        self.config = config
        self.runtime = prepare(config)
        self.states = hidden_states(subject.model, loops=subject.loops)
        self.prefixes = config.prefixes(n=subject.n, d=subject.d)
        sizes = ProbeSizes(
            states=len(self.states),
            targets=len(self.prefixes),
            tokens=2 * subject.n,
            width=subject.model.config.width,
            hidden=config.hidden if config.probe == "mlp" else 0,
            d=subject.d,
        )
        self.probed = ProbedStates(subject, config, self.runtime)
        self.probes = Probes(sizes, generator=generator(config.seed, "probe-weights")).to(self.runtime.device)
        self.held_out = subject.held_out(seed=config.eval_seed, prompts=config.eval_prompts)
        self.learner = ProbeLearner(self.probed, self.probes, config, self.runtime)

    def evaluate(self, _step: int) -> Mapping[str, float]:
        """The mean error of all probes on some of the test prompts."""
        errors = self._errors(self.held_out.rows(0, INTERIM_PROMPTS))
        return {"held_out_error": float(errors.mean())}

    def save_model(self, _path: Path, *, step: int, metrics: Mapping[str, float]) -> None:
        """The probes are not a result by themselves; an unfinished run has them in its resume state."""

    def measure(self, _folder: RunFolder) -> Measured:
        """The error of every probe on all the test prompts."""
        config = self.config
        targets = probe_targets(self.held_out, config).double()
        zero = reduce(targets.square(), "k B d -> k", "mean")
        rows = self._records(self._errors(self.held_out), zero)
        return Measured(
            label=self.subject.checkpoint.label,
            summary={
                **_summary([row for row in rows if row["measure"] == BY_STATE]),
                "probes": len(self.states) * len(self.prefixes),
            },
            records=rows,
            environment=environment(self.runtime),
            settings=self.subject.settings,
        )

    def _errors(self, prompts: Prompts) -> Float[Tensor, "B S k"]:
        return probe_errors(self.probed, self.probes, prompts, self.config, self.runtime)

    def _records(self, errors: Float[Tensor, "B S k"], zero: Float[Tensor, "k"]) -> list[Row]:
        seed = self.config.eval_seed
        over_prefixes = bootstrap_mean(reduce(errors, "B S k -> B S", "mean"), generator(seed, "bootstrap"))
        each = bootstrap_mean(errors, generator(seed, "bootstrap"))
        common = {"model": self.subject.checkpoint.label, "role": "control" if self.config.control else "probe"}
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


def _named(state: HiddenState) -> dict[str, Value]:
    return {"state": state.name, "index": state.index, "loop": state.loop, "layer": state.layer}


def _summary(rows: list[Row]) -> dict[str, Value]:
    """The mean errors over the prefixes that tell the story: first, best, last, and predicting zero."""
    best = min(rows, key=lambda row: real(row, "mean"))
    return {
        "best_state": best["state"],
        "best_error": best["mean"],
        "embedding_error": rows[0]["mean"],
        "last_error": rows[-1]["mean"],
        "error_of_predicting_zero": rows[0]["zero"],
    }
