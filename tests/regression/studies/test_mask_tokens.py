"""`mask-tokens` as a library: records, figure and table, what names a run, what is refused."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from icltool.core.errors import InputError, UsageError
from icltool.core.progress import StepProgress
from icltool.core.result import load_result
from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.regression.evaluation.in_context import evaluation_prompts, model_errors
from icltool.regression.models.checkpoint import load_checkpoint, new_model, save_checkpoint
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.loop_plan import every_loop_plan
from icltool.regression.studies.mask_tokens.config import MaskTokensConfig
from icltool.regression.studies.mask_tokens.figure import figures, table
from icltool.regression.studies.mask_tokens.run import run

N = 5


def checkpoint(folder: str = "trained", **settings: Any) -> Path:
    sizes: dict[str, Any] = {"L": 1, "b": 2, "d": 3, "n": N, "width": 16, "heads": 2}
    config = RegressionModelConfig.model_validate({**sizes, **settings})
    Path(folder).mkdir()
    path = Path(folder) / "model.safetensors"
    save_checkpoint(path, new_model(config, generator(0, "weights")), study="train", config=config, step=9, metrics={})
    return path


def settings(path: Path, **others: Any) -> MaskTokensConfig:
    return MaskTokensConfig.model_validate({"checkpoint": str(path), "eval_prompts": 24, "threads": 1, **others})


@pytest.mark.parametrize("scope", ["state", "input"])
def test_the_records(scope: str) -> None:
    path = checkpoint()
    heard: list[StepProgress] = []
    result = run(settings(path, scope=scope), request=RunRequest(out=Path("out")), on_step=heard.append)
    places = [(row["loop"], row["pairs"]) for row in result.records]
    assert places == [(loop, pairs) for loop in (2, 4, 6) for pairs in range(N + 1)]
    assert all({row["keep"], row["scope"], row["role"]} == {"last", scope, "model"} for row in result.records)
    for row in result.records:
        low, mean, high = (float(str(row[name])) for name in ("low", "mean", "high"))
        assert low <= mean <= high
        assert math.isfinite(mean)
    assert heard[-1].step == heard[-1].steps
    assert load_result(Path("out")).records == result.records
    # With every pair kept it is the error that eval would give.
    model, cpu = load_checkpoint(path).model, Runtime(device=torch.device("cpu"), precision="f32", compiled=False)
    prompts = evaluation_prompts("linear-regression", seed=0, prompts=24, n=N, d=3)
    whole = model_errors(model, prompts, every_loop_plan(6), cpu, scale=3.0)[:, :, -1].mean(1)
    kept = {row["loop"]: row["mean"] for row in result.select(pairs=N)}
    for loop in (2, 4, 6):
        assert kept[loop] == pytest.approx(float(whole[loop - 1]), rel=1e-5)
    first = {row["pairs"]: row["mean"] for row in result.select(loop=2)}
    places = {"all_pairs": N, "all_pairs_but_one": N - 1, "half_of_the_pairs": N // 2, "no_pair": 0}
    for name, pairs in places.items():
        assert result.summary[f"error_with_{name}"] == pytest.approx(first[pairs], rel=1e-6)


def test_what_is_left_open_is_the_same_run_as_what_it_stands_for() -> None:
    path = checkpoint()
    first = run(settings(path))
    explicit = run(settings(path, task="linear-regression", n=N, loops=2, multiples=3, keep="last", scope="state"))
    assert explicit.run == first.run
    moved = Path("elsewhere.safetensors")
    moved.write_bytes(path.read_bytes())
    out = RunRequest(out=first.run)
    assert run(settings(moved), request=out).records == first.records  # the content names a run, not the path
    assert run(settings(path, keep="first")).run != first.run


def test_loops_and_multiples() -> None:
    result = run(settings(checkpoint(), loops=3, multiples=2, n=4))
    assert sorted({row["loop"] for row in result.records}, key=str) == [3, 6]
    assert max(int(str(row["pairs"])) for row in result.records) == 4


def test_a_model_whose_state_is_its_prompt_has_only_the_input_to_mask() -> None:
    for architecture in ("standard", "tied"):
        path = checkpoint(architecture, architecture=architecture)
        with pytest.raises(UsageError, match=f"is a {architecture} model.*use --scope input"):
            run(settings(path))
        loops = {row["loop"] for row in run(settings(path, scope="input")).records}
        assert loops == ({1} if architecture == "standard" else {2, 4, 6})


def test_prompts_that_do_not_fit_are_refused_before_anything_is_measured() -> None:
    with pytest.raises(InputError, match="have 9 points, the model has positions for 5"):
        run(settings(checkpoint(), n=9))


def named_lines(figure: Any) -> list[Any]:
    return [trace for trace in figure.data if trace.name]


def test_the_figure_and_the_table() -> None:
    path = checkpoint()
    results = [run(settings(path, keep=keep, eval_seed=seed)) for keep in ("last", "first") for seed in (0, 1)]
    drawn = figures(results)
    assert list(drawn) == ["error-by-pairs-kept-last-state", "error-by-pairs-kept-first-state"]
    for figure in drawn.values():
        lines = named_lines(figure)
        assert len(lines) == 6
        assert len({trace.name for trace in lines}) == 6
        assert list(lines[0].x) == list(range(N + 1))
    alone = named_lines(figures(results[:1])["error-by-pairs-kept-last-state"])
    assert [trace.name for trace in alone] == ["2 loops", "4 loops", "6 loops"]
    assert list(alone[1].y) == [row["mean"] for row in results[0].select(loop=4)]
    printed = table(results[0])
    assert list(printed.columns) == ["loops", "n=0", "n=1", "n=2", "n=3", "n=4", "n=5"]
    assert [row[0] for row in printed.rows] == ["2", "4", "6"]
