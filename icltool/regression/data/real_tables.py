"""Prompts cut from real tables (scikit-learn's embedded ones): does what was learned on functions carry over?

A prompt is n rows drawn without repetition. Columns are standardised over the whole table; where the table has fewer
than d of them the other coordinates are zero, where it has more each prompt takes d of them, drawn anew.

Legend: B prompts, n points, d dimensions, r rows and c columns of the table.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from icltool.core.errors import InputError
from icltool.core.seeding import generator
from icltool.regression.data.config import FunctionClass, RealTable
from icltool.regression.data.function_classes import error_scale
from icltool.regression.data.prompts import Prompts


class Columns(NamedTuple):
    """A table's features and target, each column with mean 0 and variance 1."""

    xs: Float[Tensor, "r c"]
    ys: Float[Tensor, "r"]


def table_prompts(table: RealTable, task: FunctionClass, *, seed: int, batch: int, n: int, d: int) -> Prompts:
    """Prompts from a table's rows; targets have the variance that those of the class have in as many dimensions.

    Raises `InputError` when the table has fewer than n rows.
    """
    columns = standardised_table(table)
    rows, features = columns.xs.shape
    if n > rows:
        raise InputError(f"the table {table} has {rows} rows, fewer than the {n} points of a prompt; give a smaller n")
    drawn = _without_repetition(seed, table, "rows", batch=batch, choose=n, among=rows)
    xs = columns.xs[drawn]
    if features > d:
        kept = _without_repetition(seed, table, "columns", batch=batch, choose=d, among=features)
        xs = xs.gather(-1, rearrange(kept, "B d -> B 1 d").expand(-1, n, -1))
    scale = table_error_scale(table, task, d=d)
    return Prompts(xs=pad(xs, (0, d - xs.shape[-1])), ys=scale**0.5 * columns.ys[drawn])


def table_error_scale(table: RealTable, task: FunctionClass, *, d: int) -> float:
    """What a squared error on the table is divided by, so that predicting zero scores 1."""
    return error_scale(task, d=min(d, standardised_table(table).xs.shape[1]))


def standardised_table(table: RealTable) -> Columns:
    """The table, in float32; a class label counts as a number."""
    from sklearn import datasets  # noqa: PLC0415 - a second to import, and only these prompts need it

    loaders: dict[RealTable, Callable[..., Any]] = {
        "diabetes": datasets.load_diabetes,
        "breast-cancer": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
    }
    xs, ys = (torch.from_numpy(part).double() for part in loaders[table](return_X_y=True))
    return Columns(xs=_standardised(xs).float(), ys=_standardised(ys).float())


def _standardised(values: Tensor) -> Tensor:
    return (values - values.mean(0)) / values.std(0, correction=0)


def _without_repetition(seed: int, table: str, what: str, *, batch: int, choose: int, among: int) -> Tensor:
    lottery = torch.rand(batch, among, generator=generator(seed, "table", table, what))
    return lottery.topk(choose, dim=-1).indices
