"""Error along the context and along the loops, as long-form records with bootstrap bands.

A record: measure, model, role (model or baseline), loop (None for a baseline), examples (seen before the prediction),
mean, low, high (5 % and 95 % of the bootstrap), all normalised so that predicting zero scores 1.

Legend: B prompts, n points, s scored loops.
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from icltool.core.result import Row
from icltool.core.seeding import generator
from icltool.evaluation.bootstrap import MeanBand, bootstrap_mean

BY_EXAMPLE = "error by example"
BY_LOOP = "error by loop"


def model_records(name: str, errors: Float[Tensor, "s B n"], *, seed: int) -> list[Row]:
    """The last loop's error at every point, and the last point's error after every loop (loops from 1)."""
    by_example = bootstrap_mean(errors[-1], generator(seed, "bootstrap"))
    by_loop = bootstrap_mean(errors[:, :, -1].T, generator(seed, "bootstrap"))
    loops, _, points = errors.shape
    common = {"model": name, "role": "model"}
    rows: list[Row] = [
        {"measure": BY_EXAMPLE, **common, "loop": loops, "examples": seen, **_band(by_example, seen)}
        for seen in range(points)
    ]
    rows += [
        {"measure": BY_LOOP, **common, "loop": loop, "examples": points - 1, **_band(by_loop, loop - 1)}
        for loop in range(1, loops + 1)
    ]
    return rows


def baseline_records(errors: Mapping[str, Float[Tensor, "B n"]], *, seed: int) -> list[Row]:
    """Every baseline's error at every point."""
    rows: list[Row] = []
    for name, values in errors.items():
        band = bootstrap_mean(values, generator(seed, "bootstrap"))
        common: Row = {"measure": BY_EXAMPLE, "model": name, "role": "baseline", "loop": None}
        rows += [{**common, "examples": seen, **_band(band, seen)} for seen in range(values.shape[1])]
    return rows


def _band(band: MeanBand, index: int) -> dict[str, float]:
    return {"mean": float(band.mean[index]), "low": float(band.low[index]), "high": float(band.high[index])}
