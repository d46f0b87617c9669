"""`mask-tokens`: error at the query against the number of pairs kept, after b, 2b, 3b loops (report 001)."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from icltool.core.bootstrap import bootstrap_mean
from icltool.core.errors import UsageError
from icltool.core.files import sha256_of
from icltool.core.progress import OnStep, StepRecord, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import RunRequest, measured_once
from icltool.core.runtime import environment, prepare
from icltool.core.seeding import generator
from icltool.regression.data.function_classes import error_scale
from icltool.regression.evaluation.in_context import evaluation_prompts
from icltool.regression.evaluation.masked_context import masked_query_errors, pair_masks
from icltool.regression.models.checkpoint import Checkpoint, load_checkpoint
from icltool.regression.studies.mask_tokens.config import MaskTokensConfig

STUDY = "mask-tokens"
BY_PAIRS = "error by pairs kept"
# "As good as unmasked" in the summary: an error at most this many times the unmasked one.
NEAR = 2.0


def run(config: MaskTokensConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Measure a checkpoint under every mask; a finished run of the same settings on the same file is returned at once.

    Records: measure, model, role, keep, scope, loop, pairs (kept), mean, low, high (normalised: predicting zero scores
    1). Raises `InputError` for a bad checkpoint or prompts that do not fit the model, and `UsageError` for the state
    of a model that has none beside its prompt.
    """
    checkpoint = load_checkpoint(Path(config.checkpoint))
    _require_state(config, checkpoint)
    # What is left open is fixed before the run is named, so that asking for it explicitly is the same run.
    trained = checkpoint.model.config
    one_pass = trained.architecture == "standard"
    settled = config.resolved().model_copy(
        update={
            "task": config.task or checkpoint.task,
            "n": config.n or trained.n,
            "loops": 1 if one_pass else config.loops or trained.loops,
            "multiples": 1 if one_pass else config.multiples,
        }
    )
    inputs = {"checkpoint": sha256_of(checkpoint.path)}
    return measured_once(
        STUDY,
        settled,
        slug=f"{checkpoint.run_name}-{config.keep}-{config.scope}",
        request=request or RunRequest(),
        inputs=inputs,
        measure=lambda folder: _measure(settled, checkpoint, run=folder, inputs=inputs, on_step=on_step),
    )


def _require_state(config: MaskTokensConfig, checkpoint: Checkpoint) -> None:
    architecture = checkpoint.model.config.architecture
    if config.scope == "state" and architecture != "looped":
        raise UsageError(
            f"{checkpoint.path} is a {architecture} model: its prompt does not enter at every loop, so a masked state "
            "would be a masked prompt; use --scope input"
        )


def _measure(
    config: MaskTokensConfig, checkpoint: Checkpoint, *, run: Path, inputs: dict[str, str], on_step: OnStep
) -> Result:
    task, n, b = config.task or checkpoint.task, config.n or 1, config.loops or 1
    runtime = prepare(config)
    model = checkpoint.model.to(runtime.device)
    d = model.config.d
    prompts = evaluation_prompts(task, seed=config.eval_seed, prompts=config.eval_prompts, n=n, d=d)
    loops = [b * multiple for multiple in range(1, config.multiples + 1)]
    errors = masked_query_errors(
        model,
        prompts,
        pair_masks(n, config.keep),
        runtime,
        loops=loops,
        scope=config.scope,
        scale=error_scale(task, d=d),
        on_chunk=lambda done, chunks: on_step(StepRecord(step=done, steps=chunks, stage="masking")),
    )
    return Result(
        kind=STUDY,
        label=checkpoint.label,
        config={**config.identity(), "d": d, "b": model.config.loops},
        inputs=inputs,
        environment=environment(runtime),
        summary=_summary(errors[0]),
        records=_records(config, checkpoint.label, loops, errors),
        run=run,
    )


def _records(config: MaskTokensConfig, name: str, loops: list[int], errors: Float[Tensor, "s k B"]) -> list[Row]:
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
