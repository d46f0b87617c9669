"""Figure of `gpicl-augment`: one image under several tasks."""

from collections.abc import Sequence

import plotly.graph_objects as go

from icltool.core.result import Result, real
from icltool.core.table import Table
from icltool.gpicl.figures.image_grid import Picture, image_grid


def figures(results: Sequence[Result]) -> dict[str, go.Figure]:
    """A preview a result, by name."""
    named = {"preview" if len(results) == 1 else f"preview-{result.run.name}": result for result in results}
    return {
        name: image_grid(_pictures(result), title=f"One image of {result.config['dataset']} under random tasks")
        for name, result in named.items()
    }


def table(result: Result) -> Table:
    """The table printed at the end."""
    wanted = {
        "projection_mean": ("mean of A's entries × √N_x", "0"),
        "projection_std": ("std of A's entries × √N_x", "1"),
        "column_length": ("squared length of A's columns", "1"),
        "column_overlap": ("product of two columns", "0"),
        "permutation_p_value": ("p-value: labels permuted uniformly", "(0, 1)"),
    }
    return Table(
        title="The tasks' statistics",
        columns=["", "found", "expected"],
        rows=[[text, f"{result.summary[name]:.4f}", expected] for name, (text, expected) in wanted.items()],
    )


def _pictures(result: Result) -> list[Picture]:
    pictures: list[Picture] = []
    for task in dict.fromkeys(row["task"] for row in result.records):
        rows = [row for row in result.records if row["task"] == task]
        lines: dict[object, list[float]] = {}
        for row in rows:
            lines.setdefault(row["row"], []).append(real(row, "value"))
        name = "image" if task is None else f"task {task}"
        pictures.append(Picture(title=f"{name}: label {rows[0]['label']}", rows=[*lines.values()], plain=task is None))
    return pictures
