"""Accuracy by position and the improvement within a sequence, as long-form records with 95 % intervals.

A record: measure, model, test (the data set and which tasks), dataset, tasks (seen, unseen), images (train, test),
examples (seen before the answer), mean, low, high, sequences.

Legend: B sequences, t examples.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Bool
from torch import Tensor

from icltool.core.result import Row, Value, whole
from icltool.gpicl.evaluation.in_context_accuracy import SequenceTest

BY_POSITION = "accuracy by position"
IMPROVEMENT = "improvement"
# The 97.5 % quantile of the normal distribution.
Z95 = 1.959963984540054


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    mean: float
    low: float
    high: float


def wilson_interval(right: int, total: int) -> Interval:
    """A proportion's 95 % interval (Wilson 1927), which holds near 0 and 1 too and never leaves [0, 1]."""
    share, square = right / total, Z95**2 / total
    centre = (share + square / 2) / (1 + square)
    half = Z95 / (1 + square) * (share * (1 - share) / total + square / (4 * total)) ** 0.5
    return Interval(share, min(max(0.0, centre - half), share), max(min(1.0, centre + half), share))


def improvement_interval(right: Bool[Tensor, "B t"]) -> Interval:
    """Last minus first accuracy: the mean of the sequences' differences, and its normal 95 % interval."""
    difference = right[:, -1].double() - right[:, 0].double()
    mean, error = float(difference.mean()), float(difference.std()) / len(difference) ** 0.5
    return Interval(mean, mean - Z95 * error, mean + Z95 * error)


def accuracy_records(
    model: str, test: SequenceTest, right: Bool[Tensor, "B t"], *, positions: Sequence[int] | None = None
) -> list[Row]:
    """The accuracy at every position (or those given), and the improvement from the first to the last."""
    examples = range(right.shape[1]) if positions is None else positions
    common: dict[str, Value] = {
        "model": model,
        "test": test.name,
        "dataset": test.data.name,
        "tasks": test.tasks,
        "images": test.images,
        "sequences": len(right),
    }
    totals: list[int] = right.sum(0).tolist()
    rows: list[Row] = [
        {"measure": BY_POSITION, **common, "examples": seen, **wilson_interval(total, len(right))._asdict()}
        for seen, total in zip(examples, totals, strict=True)
    ]
    improvement = improvement_interval(right)._asdict()
    return [*rows, {"measure": IMPROVEMENT, **common, "examples": examples[-1], **improvement}]


def last_accuracy(records: Sequence[Row], test: str) -> Mapping[str, Value]:
    """The row of a test's last position."""
    rows = [row for row in records if row["measure"] == BY_POSITION and row["test"] == test]
    return max(rows, key=lambda row: whole(row, "examples"))
