"""`mask-tokens`: error at the query against the number of pairs kept, after b, 2b, 3b loops (report 001)."""

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from icltool.core.bootstrap import bootstrap_mean
from icltool.core.errors import UsageError
from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import Measured, measured_once
from icltool.core.runtime import environment, prepare, restored_process
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.regression.evaluation.masked_context import masked_query_errors, pair_masks
from icltool.regression.models.checkpoint import Checkpoint
from icltool.regression.studies.mask_tokens import MASK_TOKENS
from icltool.regression.studies.mask_tokens.config import MaskTokensConfig
from icltool.regression.studies.measured_model import MeasuredModel, measured_model

BY_PAIRS = "error by pairs kept"
# "As good as unmasked" in the summary: an error at most this many times the unmasked one.
NEAR = 2.0


@restored_process()
def run(config: MaskTokensConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Measure a checkpoint under every mask; a finished run of the same settings on the same file is returned at once.

    Records: measure, model, role, keep, scope, loop, pairs (kept), mean, low, high (normalised: predicting zero scores
    1). Raises `InputError` for a bad checkpoint or prompts that do not fit the model, and `UsageError` for the state
    of a model that has none beside its prompt.
    """
    subject = measured_model(config, loops=config.loops)
    _require_state(config, subject.checkpoint)
    if subject.model.config.architecture == "standard":
        # One pass, whatever the settings say.
        subject = replace(subject, loops=1)
        config = config.model_copy(update={"multiples": 1})
    settled = subject.settled(config)
    return measured_once(
        MASK_TOKENS,
        settled,
        slug=f"{subject.checkpoint.run_name}-{config.keep}-{config.scope}",
        request=request,
        inputs=subject.inputs,
        measure=lambda _: _measure(settled, subject, on_step),
    )


def _require_state(config: MaskTokensConfig, checkpoint: Checkpoint) -> None:
    architecture = checkpoint.model.config.architecture
    if config.scope == "state" and architecture != "looped":
        raise UsageError(
            f"{checkpoint.path} is a {architecture} model: its prompt does not enter at every loop, so a masked state "
            "would be a masked prompt; use --scope input"
        )


def _measure(config: MaskTokensConfig, subject: MeasuredModel, on_step: OnStep) -> Measured:
    runtime = prepare(config)
    loops = [subject.loops * multiple for multiple in range(1, config.multiples + 1)]
    errors = masked_query_errors(
        subject.model.to(runtime.device),
        subject.held_out(seed=config.eval_seed, prompts=config.eval_prompts),
        pair_masks(subject.n, config.keep),
        runtime,
        loops=loops,
        scope=config.scope,
        scale=subject.error_scale,
        on_chunk=lambda done, chunks: on_step(StepProgress(step=done, steps=chunks, phase="masking")),
    )
    label = subject.checkpoint.label
    return Measured(
        label=label,
        summary=_summary(errors[0]),
        records=_records(config, label, loops, errors),
        environment=environment(runtime),
        settings=subject.settings,
    )


def _records(config: MaskTokensConfig, name: str, loops: Sequence[int], errors: Float[Tensor, "s k B"]) -> list[Row]:
    rows: list[Row] = []
    for loop, by_mask in zip(loops, errors, strict=True):
        band = bootstrap_mean(by_mask.mT, generator(config.eval_seed, "bootstrap"))
        common: Row = {
            "measure": BY_PAIRS,
            "model": name,
            "role": "model",
            "keep": config.keep,
            "scope": config.scope,
            "loop": loop,
        }
        rows += [
            {**common, "pairs": pairs, "mean": float(mean), "low": float(low), "high": float(high)}
            for pairs, (mean, low, high) in enumerate(zip(*band, strict=True))
        ]
    return rows


def _summary(errors: Float[Tensor, "k B"]) -> dict[str, Value]:
    """After b loops: the error with all, all but one, half and none of the pairs; the fewest that nearly suffice."""
    means = errors.double().mean(1)
    near = (means <= NEAR * means[-1]).tolist()
    return {
        "error_with_all_pairs": float(means[-1]),
        "error_with_all_pairs_but_one": float(means[-2]),
        "error_with_half_of_the_pairs": float(means[(len(means) - 1) // 2]),
        "error_with_no_pair": float(means[0]),
        "fewest_pairs_within_twice_the_error": near.index(True),
    }
