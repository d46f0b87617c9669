"""README's Python runs as written, in a session that has an event loop running, as a notebook's has."""

import ast
import asyncio
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from icltool.regression.studies.train.config import TrainConfig

README = Path(__file__).parents[1] / "README.md"


def test_the_python_of_the_readme() -> None:
    [source] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    *lines, last = ast.parse(source).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}

    async def cell() -> object:
        exec(compile(ast.Module(lines, []), "cell", "exec"), names)
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)

    with defaults(steps=20, warmup=2, width=8, heads=2, eval_prompts=16, eval_every=10):
        shown = asyncio.run(cell())
    assert isinstance(shown, go.Figure)
    assert shown.data
    result = names["result"]
    assert result.summary["steps"] == 20
    assert result.checkpoint.exists()
    assert TrainConfig.create({"L": 2}, preset="paper").b == 20


@contextmanager
def defaults(**values: Any) -> Generator[None]:
    """The same lines with a training of seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setattr(TrainConfig.model_fields[name], "default", value)
        TrainConfig.model_rebuild(force=True)
        yield
    TrainConfig.model_rebuild(force=True)
