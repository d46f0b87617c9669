"""Measurements as long-form records with bootstrap bands.

An error's record: measure, model, role (model or baseline), loop (None for a baseline), examples (seen before the
prediction), prompts (measured), mean, low, high (5 % and 95 % of the bootstrap), all normalised so that predicting zero
scores 1. `error by shift` adds the shift, `error by seed` (of the last loop, or the mean of all loops) the evaluation
seed, `halting` the tolerance and the loops spent. `fixed-point residual` holds mean, median, and as low and high the
5 % and 95 % of the prompts themselves.

Legend: B prompts, n points, s loops, p places.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from icltool.core.bootstrap import QUANTILES, MeanBand, bootstrap_mean
from icltool.core.result import Row, Value
from icltool.core.seeding import generator
from icltool.regression.evaluation.loop_by_loop import loops_until_settled

BY_EXAMPLE = "error by example"
BY_LOOP = "error by loop"
BY_SHIFT = "error by shift"
BY_SEED = "error by seed"
BY_SEED_MEAN_LOOP = "error by seed, mean of the loops"
RESIDUAL = "fixed-point residual"
HALTING = "halting"

# The name of the zero predictor among the baselines under shifts.
ZERO = "zero"

# Every loop is recorded up to here; beyond, as many again at equal ratios.
EVERY_LOOP_UP_TO = 200


def model_records(name: str, errors: Float[Tensor, "s B n"], *, seed: int) -> list[Row]:
    """The last loop's error at every point, and the last point's error after every loop (loops from 1)."""
    by_loop = errors[:, :, -1]
    return [
        *example_records(name, errors[-1], loops=len(errors), seed=seed),
        *loop_records(name, by_loop, examples=errors.shape[-1] - 1, seed=seed),
    ]


def example_records(name: str, errors: Float[Tensor, "B n"], *, loops: int, seed: int) -> list[Row]:
    """The error at every point after the last of the loops."""
    common: Row = {"measure": BY_EXAMPLE, "model": name, "role": "model", "loop": loops}
    return _records(common, errors, [{"examples": seen} for seen in range(errors.shape[1])], seed=seed)


def loop_records(name: str, errors: Float[Tensor, "s B"], *, examples: int, seed: int) -> list[Row]:
    """The error of the last point after every recorded loop."""
    loops = recorded_loops(len(errors))
    common: Row = {"measure": BY_LOOP, "model": name, "role": "model", "examples": examples}
    chosen = errors[[loop - 1 for loop in loops]].T
    return _records(common, chosen, [{"loop": loop} for loop in loops], seed=seed)


def baseline_records(
    errors: Mapping[str, Float[Tensor, "B p"]], *, seed: int, places: Sequence[int] | None = None
) -> list[Row]:
    """Every baseline's error at every point, or at the places it was measured at."""
    rows: list[Row] = []
    for name, values in errors.items():
        seen_before = range(values.shape[1]) if places is None else places
        common: Row = {"measure": BY_EXAMPLE, "model": name, "role": "baseline", "loop": None}
        rows += _records(common, values, [{"examples": seen} for seen in seen_before], seed=seed)
    return rows


def shift_records(
    shift: str, model: tuple[str, Float[Tensor, "B n"]], baselines: Mapping[str, Float[Tensor, "B n"]], *, seed: int
) -> list[Row]:
    """The errors of the model and the baselines at every point under one shift."""
    rows: list[Row] = []
    for role, named in (("model", dict([model])), ("baseline", baselines)):
        for name, values in named.items():
            common: Row = {"measure": BY_SHIFT, "shift": shift, "model": name, "role": role}
            rows += _records(common, values, [{"examples": seen} for seen in range(values.shape[1])], seed=seed)
    return rows


def seed_records(name: str, errors: Mapping[int, Float[Tensor, "s B"]], *, examples: int) -> list[Row]:
    """The error of the last point for each evaluation seed on its own: of the last loop, and the mean of all loops."""
    last = {seed: by_loop[-1] for seed, by_loop in errors.items()}
    mean = {seed: by_loop.mean(0) for seed, by_loop in errors.items()}
    rows: list[Row] = []
    for measure, of_seeds in ((BY_SEED, last), (BY_SEED_MEAN_LOOP, mean)):
        for seed, values in of_seeds.items():
            common: Row = {"measure": measure, "model": name, "role": "model", "examples": examples}
            rows += _records(common, values[:, None], [{"seed": seed}], seed=seed)
    return rows


def residual_records(name: str, residuals: Float[Tensor, "s B"]) -> list[Row]:
    """How far the state moved in every recorded loop but the first, which has no residual."""
    rows: list[Row] = []
    for loop in recorded_loops(len(residuals))[1:]:
        values = residuals[loop - 1].double().numpy()
        low, high = np.quantile(values, QUANTILES)
        rows.append(
            {
                "measure": RESIDUAL,
                "model": name,
                "role": "model",
                "loop": loop,
                "prompts": len(values),
                "mean": float(values.mean()),
                "median": float(np.median(values)),
                "low": float(low),
                "high": float(high),
            }
        )
    return rows


def halting_records(
    name: str,
    errors: Float[Tensor, "s B"],
    residuals: Float[Tensor, "s B"],
    *,
    asked: float,
    tolerances: Sequence[float],
    seed: int,
) -> list[Row]:
    """For each tolerance, the loops spent (on average) and the error of the last point when prompts halt by it."""
    rows: list[Row] = []
    for tolerance in sorted({asked, *tolerances}):
        spent = loops_until_settled(residuals, tolerance)
        stopped = errors.gather(0, spent[None] - 1)[0]
        common: Row = {
            "measure": HALTING,
            "model": name,
            "role": "model",
            "tolerance": tolerance,
            "asked": tolerance == asked,
            "loops_spent": float(spent.double().mean()),
        }
        rows += _records(common, stopped[:, None], [{}], seed=seed)
    return rows


def recorded_loops(loops: int) -> list[int]:
    """Every loop, or the first 200 and 200 at equal ratios up to the last."""
    if loops <= 2 * EVERY_LOOP_UP_TO:
        return list(range(1, loops + 1))
    beyond = torch.logspace(np.log10(EVERY_LOOP_UP_TO), np.log10(loops), EVERY_LOOP_UP_TO, dtype=torch.float64)
    return sorted({*range(1, EVERY_LOOP_UP_TO + 1), *(round(float(loop)) for loop in beyond), loops})


def _records(
    common: Row, errors: Float[Tensor, "B p"], columns: Sequence[Mapping[str, Value]], *, seed: int
) -> list[Row]:
    band = bootstrap_mean(errors, generator(seed, "bootstrap"))
    return [{**common, **column, "prompts": len(errors), **_band(band, index)} for index, column in enumerate(columns)]


def _band(band: MeanBand, index: int) -> dict[str, float]:
    return {"mean": float(band.mean[index]), "low": float(band.low[index]), "high": float(band.high[index])}
