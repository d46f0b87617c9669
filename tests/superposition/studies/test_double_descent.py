"""`double-descent` as a library: known answers, brute force, resume, figures, bad input; and its grid by default."""

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from icltool.cli.options import given_grid
from icltool.cli.study_command import Given, study_command
from icltool.core.errors import UsageError
from icltool.core.metrics_log import read_rows
from icltool.core.result import Result, load_result
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.core.tensor_files import read_tensor_file
from icltool.studies import study_named
from icltool.superposition.data.sparse_features import draw_report_samples, draw_samples, stream_samples
from icltool.superposition.measures import normalised_loss
from icltool.superposition.model import ToyReLU
from icltool.superposition.studies.double_descent.config import DoubleDescentConfig
from icltool.superposition.studies.double_descent.cost import require_memory
from icltool.superposition.studies.double_descent.figure import figures, table
from icltool.superposition.studies.double_descent.run import FEATURE, FINAL, SAMPLE, run
from icltool.sweep.plan import plan_grid
from tests.interruptions import resumed_as_whole


def settings(**others: Any) -> DoubleDescentConfig:
    small: dict[str, Any] = {"T": 6, "n": 60, "sparsity": 0.95, "steps": 40, "warmup": 4, "lr": 3e-2, "threads": 1}
    pace: dict[str, Any] = {"test_samples": 50, "log_every": 5, "eval_every": 20, "save_every": 20}
    return DoubleDescentConfig.create({**small, **pace, **others}, as_options=True)


def descend(out: str, **others: Any) -> Result:
    return run(settings(**others), request=RunRequest(out=Path(out)))


def final(result: Result) -> dict[str, float]:
    [row] = result.select(measure=FINAL)
    return {name: float(str(value)) for name, value in row.items() if name != "measure"}


def brute_force_loss(W: np.ndarray, b: np.ndarray, X: np.ndarray) -> float:
    """The dense reconstruction error in float64, sample by sample, over the samples' own power."""
    error = sum(float(((x - np.maximum(W.T @ (W @ x) + b, 0)) ** 2).sum()) for x in X)
    return error / float((X**2).sum())


def test_few_samples_become_a_regular_polygon() -> None:
    """A T-gon in the plane: every sample has D = m/T (Henighan et al. 2023)."""
    result = descend("polygon", T=5, n=200, sparsity=0.97, steps=400, warmup=20, log_every=100, eval_every=400)
    assert final(result)["sample_dimensionality"] == pytest.approx(2 / 5, rel=0.05)
    corners = [float(str(row["dimensionality"])) for row in result.select(measure=SAMPLE)]
    assert corners == pytest.approx([2 / 5] * 5, rel=0.12)
    assert final(result)["train_loss"] < 0.1
    assert final(result)["test_loss"] > 0.8


def test_predicting_zero_scores_one() -> None:
    samples = draw_samples(30, n=40, sparsity=0.9, generator=generator(0, "test"))
    model = ToyReLU(m=2, n=40)
    with torch.no_grad():
        model.W.zero_()
    assert normalised_loss(model, [samples]) == pytest.approx(1.0, abs=1e-12)
    assert normalised_loss(model, [samples.take(0, 7), samples.take(7, 30)]) == pytest.approx(1.0, abs=1e-12)


def test_the_measures_of_a_run_by_brute_force() -> None:
    config = settings(m=3, initialisations=2)
    result = run(config, request=RunRequest(out=Path("out")))
    weights = {
        name: tensor.double().numpy()
        for name, tensor in read_tensor_file(result.run / "model.safetensors").tensors.items()
    }
    W, b = weights["W"], weights["b"]
    X = draw_samples(6, n=60, sparsity=0.95, generator=generator(0, "samples")).dense().double().numpy()
    fresh = generator(0, "test-samples")
    chunks = stream_samples(50, n=60, sparsity=0.95, generator=fresh)
    test = np.concatenate([chunk.dense().double().numpy() for chunk in chunks])
    measured = final(result)
    assert measured["train_loss"] == pytest.approx(brute_force_loss(W, b, X), rel=1e-5)
    assert measured["test_loss"] == pytest.approx(brute_force_loss(W, b, test), rel=1e-5)
    assert measured["W_norm"] == pytest.approx(np.sqrt((W**2).sum()), rel=1e-6)
    assert measured["b_norm"] == pytest.approx(np.sqrt((b**2).sum()), rel=1e-6)
    singular = np.sqrt(np.sort(np.linalg.eigvalsh(W @ W.T))[::-1])
    assert [measured[f"singular_{place}"] for place in (1, 2, 3)] == pytest.approx(singular.tolist(), rel=1e-6)
    H = X @ W.T
    products = (H / np.linalg.norm(H, axis=1, keepdims=True)) @ H.T
    shared = (H**2).sum(1) / (products**2).sum(1)
    assert [row["dimensionality"] for row in result.select(measure=SAMPLE)] == pytest.approx(shared.tolist(), rel=1e-4)
    assert measured["sample_dimensionality"] == pytest.approx(shared.mean(), rel=1e-5)
    lengths = np.linalg.norm(W, axis=0)
    assert [row["length"] for row in result.select(measure=FEATURE)] == pytest.approx(sorted(lengths)[::-1], rel=1e-4)
    # Along training: the loss every five steps, everything else at the evaluations.
    rows = read_rows(result.run / "metrics.jsonl")
    assert [row["step"] for row in rows] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert [row["step"] for row in rows if "test_loss" in row] == [20, 40]
    assert rows[-1]["test_loss"] == measured["test_loss"]
    assert load_result(result.run).records == result.records


def test_the_best_initialisation_is_kept() -> None:
    together = final(descend("together", seed=2, initialisations=3))["train_loss"]
    # The first of them alone is the run with one initialisation; with this seed the second ends far below it.
    alone = final(descend("alone", seed=2))["train_loss"]
    assert together < 0.8 * alone
    checkpoint = read_tensor_file(Path("together") / "model.safetensors")
    assert checkpoint.header["model"] == {"kind": "toy-relu", "m": 2, "n": 60}
    assert checkpoint.header["metrics"]["train_loss"] == pytest.approx(together)


def test_interrupted_and_resumed_is_as_never_interrupted() -> None:
    whole, resumed = resumed_as_whole(run, settings(initialisations=2, save_every=7), stops=(5, 25))
    assert (resumed.run / "model.safetensors").read_bytes() == (whole.run / "model.safetensors").read_bytes()


def test_bad_input_is_one_line() -> None:
    for bad, message in (
        ({"T": 0}, "--T: must be at least 1"),
        ({"m": 61}, "m is at most n"),
        ({"sparsity": 1.0}, "--sparsity: must be less than 1"),
        ({"sparsity": -0.1}, "--sparsity: must be at least 0"),
        ({"warmup": 40}, "do not fit in 40 steps"),
        ({"precision": "bf16"}, "computes in float32 or float64"),
    ):
        with pytest.raises(UsageError, match=message):
            settings(**bad)
    with pytest.raises(UsageError, match=r"about 6e\+10 non-zeros.*take a smaller --T"):
        run(settings(T=10**9, sparsity=0.0), request=RunRequest(out=Path("never")))
    assert not Path("never").exists()
    require_memory(settings(), available=10**6)
    with pytest.raises(UsageError, match="GiB"):
        require_memory(settings(), available=10**3)


def traces(figure: go.Figure) -> list[Any]:
    """A figure's traces; plotly's own types know no keys."""
    return list(figure.data)


def test_the_figures_of_one_run_and_of_several() -> None:
    results = [descend(f"{T}-{seed}", T=T, seed=seed) for T in (3, 6) for seed in (0, 1)]
    one = figures(results[:1])
    always = {"test-loss", "train-and-test-loss", "dimensionality", "norms", "learning-curve"}
    assert set(one) == always | {"plane", "plane-one-scale", "plane-animation"}
    assert table(results[0]).rows[0][0] == "train loss"
    drawn = figures(results)
    [test] = [trace for trace in traces(drawn["test-loss"]) if trace["name"] == "test"]
    means = [np.mean([final(result)["test_loss"] for result in results if final(result)["T"] == T]) for T in (3, 6)]
    assert list(test["x"]) == [3, 6]
    assert list(test["y"]) == pytest.approx(means)
    layouts: list[Any] = [shown["test-loss"]["layout"] for shown in (drawn, one)]
    assert [[note.text for note in layout.annotations] for layout in layouts] == [
        ["band: 5-95 % of the mean over 2 seeds (bootstrap)"],
        [],
    ]
    [polygon] = [trace for trace in traces(drawn["dimensionality"]) if trace["name"] == "m/T, m = 2"]
    assert list(polygon["y"]) == pytest.approx([min(1, 2 / T) for T in polygon["x"]])
    # Features above samples, a column for each T.
    assert sum(trace["mode"] == "markers" for trace in traces(drawn["plane"])) == 4
    ranges = {tuple(drawn["plane-one-scale"]["layout"][f"xaxis{number}"]["range"]) for number in ("", "2", "3", "4")}
    assert len(ranges) == 1
    three = descend("m3", m=3)
    assert set(figures([three])) == always
    heat = figures([*results, three])["test-loss-map"]
    [cells] = traces(heat)
    assert (list(cells["x"]), list(cells["y"])) == (["3", "6"], ["2", "3"])
    assert list(cells["z"][0]) == pytest.approx(np.log10(means))
    assert list(cells["customdata"][0]) == pytest.approx(means)
    assert list(cells["z"][1]) == [None, pytest.approx(np.log10(float(str(final(three)["test_loss"]))))]


def dots(frame: Any, trace: int) -> np.ndarray:
    """[N, 2]: where a frame has the dots of one of its traces."""
    return np.array([frame["data"][trace]["x"], frame["data"][trace]["y"]]).T


def test_the_animation_goes_from_the_first_weights_to_the_last() -> None:
    result = descend("moving", T=4, n=30, sparsity=0.8, frames=5)
    animation: Any = figures([result])["plane-animation"]
    frames: list[Any] = list(animation.frames)
    assert [frame["name"] for frame in frames] == ["0", "10", "20", "30", "40"]
    assert len(animation["layout"]["sliders"][0]["steps"]) == 5
    for trace, sort in ((1, FEATURE), (3, SAMPLE)):
        ends = [(row["x"], row["y"]) for row in result.select(measure=sort)]
        np.testing.assert_allclose(dots(frames[-1], trace), np.array(ends), atol=1e-4)
    # Before the first step the hidden vectors are those of the initial weights.
    initial = ToyReLU(m=2, n=30, generator=generator(0, "weights", 0))
    samples = draw_samples(4, n=30, sparsity=0.8, generator=generator(0, "samples"))
    np.testing.assert_allclose(dots(frames[0], 3), initial.hidden(samples.dense()).detach().numpy(), atol=1e-4)


def test_float64_is_the_same_training_with_less_rounding() -> None:
    single, double = descend("f32", steps=20), descend("f64", steps=20, float64=True)
    weights = read_tensor_file(double.run / "model.safetensors").tensors["W"]
    assert weights.dtype == torch.float64
    assert final(double)["train_loss"] == pytest.approx(final(single)["train_loss"], rel=1e-4)
    assert final(double)["train_loss"] != final(single)["train_loss"]


def test_the_reports_data_counts_its_nan_columns() -> None:
    result = descend("report", variant="report", T=6)
    X = draw_report_samples(6, n=60, sparsity=0.95, generator=generator(0, "samples")).dense().double().numpy()
    assert result.summary["nan_columns"] == int((X == 0).all(0).sum()) > 0
    weights = read_tensor_file(result.run / "model.safetensors").tensors
    W, b = weights["W"].double().numpy(), weights["b"].double().numpy()
    assert final(result)["train_loss"] == pytest.approx(brute_force_loss(W, b, X), rel=1e-5)


def test_the_command_alone_runs_its_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_named("double-descent")
    asked: list[dict[str, list[str]]] = []

    def remember(_study: object, given: Given, **_options: object) -> list[Result]:
        asked.append(given.axes)
        return []

    monkeypatch.setattr("icltool.cli.study_command._run_grid", remember)
    command = study_command(study)
    command()
    command(preset="paper", m="2,3")
    command(T="3,5")
    assert asked[0] == {"T": ["3", "5", "8", "30", "100", "300", "1000", "3000", "10000"], "seed": ["0", "1", "2"]}
    assert asked[1]["m"] == ["2", "3"]
    assert asked[1]["T"][-1] == "100000"
    assert asked[2] == {"T": ["3", "5"]}
    _, axes = given_grid(study.config(), {"T": "3,5"})
    plan = plan_grid(study, settings={}, axes=axes, inputs=[], preset="paper", folder=None)
    assert [run.config.model_dump()["n"] for run in plan.runs] == [10_000, 10_000]
