"""Prompts cut from real tables against scikit-learn's own arrays."""

from typing import get_args

import numpy as np
import pytest
import torch
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from icltool.core.errors import InputError
from icltool.regression.data.config import RealTable
from icltool.regression.data.real_tables import standardised_table, table_error_scale, table_prompts

LOADERS = {
    "diabetes": datasets.load_diabetes,
    "breast-cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
}
TABLES: tuple[RealTable, ...] = get_args(RealTable)


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_standardised(table: RealTable) -> None:
    xs, ys = LOADERS[table](return_X_y=True)
    columns = standardised_table(table)
    np.testing.assert_allclose(columns.xs.numpy(), StandardScaler().fit_transform(xs), atol=1e-5)
    column = np.reshape(ys, (-1, 1))
    np.testing.assert_allclose(columns.ys.numpy(), StandardScaler().fit_transform(column)[:, 0], atol=1e-5)


@pytest.mark.parametrize(("table", "d"), [("diabetes", 20), ("wine", 13), ("breast-cancer", 8), ("wine", 3)])
def test_a_prompt_is_rows_of_the_table_without_repetition(table: RealTable, d: int) -> None:
    prompts = table_prompts(table, "linear-regression", seed=1, batch=4, n=25, d=d)
    xs, ys = standardised_table(table)
    used = min(d, xs.shape[1])
    assert bool((prompts.xs[..., used:] == 0).all())
    for b in range(4):
        wanted = prompts.xs[b, :, :used]
        # Which column of the table each coordinate is: the one that holds all its values.
        columns = [
            next(c for c in range(xs.shape[1]) if bool(torch.isin(wanted[:, j], xs[:, c]).all())) for j in range(used)
        ]
        assert len(set(columns)) == used
        rows = [int((xs[:, columns] == point).all(-1).nonzero()[0]) for point in wanted]
        assert len(set(rows)) == 25
        torch.testing.assert_close(prompts.ys[b], ys[rows] * used**0.5)
        if used == xs.shape[1]:
            assert columns == list(range(used))


def test_zero_scores_one() -> None:
    for table in TABLES:
        prompts = table_prompts(table, "linear-regression", seed=0, batch=2000, n=20, d=8)
        scale = table_error_scale(table, "linear-regression", d=8)
        assert float(prompts.ys.square().mean()) / scale == pytest.approx(1, rel=0.03)


def test_seeds_differ_and_repeat() -> None:
    first, again, other = (
        table_prompts("wine", "linear-regression", seed=seed, batch=3, n=9, d=4) for seed in (1, 1, 2)
    )
    assert torch.equal(first.xs, again.xs)
    assert not torch.equal(first.xs, other.xs)


def test_a_prompt_longer_than_the_table_is_refused() -> None:
    with pytest.raises(InputError, match="the table wine has 178 rows, fewer than the 179 points"):
        table_prompts("wine", "linear-regression", seed=0, batch=1, n=179, d=4)
