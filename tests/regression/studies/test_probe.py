"""`probe` as a library: records, known answers, resume, control, figures; and as a command in a pipe."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from icltool.core.errors import InputError, UsageError
from icltool.core.metrics_log import read_rows
from icltool.core.result import Result, load_result
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.regression.evaluation.in_context import evaluation_prompts
from icltool.regression.evaluation.probe_targets import probe_targets
from icltool.regression.models.checkpoint import load_checkpoint, new_model, save_checkpoint
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.studies.measured_model import measured_model
from icltool.regression.studies.probe.config import ProbeConfig
from icltool.regression.studies.probe.figure import figures, table
from icltool.regression.studies.probe.learner import training_prompts, with_weights_of_one
from icltool.regression.studies.probe.run import BY_PREFIX, BY_STATE, run
from tests.interruptions import resumed_as_whole
from tests.waiting import PATIENCE

D, N = 3, 5


def checkpoint(folder: str = "trained", **settings: Any) -> Path:
    sizes: dict[str, Any] = {"L": 1, "b": 2, "d": D, "n": N, "width": 16, "heads": 2}
    config = RegressionModelConfig.model_validate({**sizes, **settings})
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder) / "model.safetensors"
    save_checkpoint(path, new_model(config, generator(0, "weights")), study="train", config=config, step=9, metrics={})
    return path


def settings(path: Path, **others: Any) -> ProbeConfig:
    fast: dict[str, Any] = {"steps": 20, "batch": 8, "eval_prompts": 32, "log_every": 5, "eval_every": 10, "threads": 1}
    return ProbeConfig.model_validate({"checkpoint": str(path), **fast, **others})


def probe(out: str, path: Path, **others: Any) -> Result:
    return run(settings(path, **others), request=RunRequest(out=Path(out)))


def value(row: Any, column: str = "mean") -> float:
    return float(str(row[column]))


@pytest.mark.parametrize(("target", "prefixes"), [("Wols", [1, 2, 3]), ("Xy", [1, 2, 3, 4, 5]), ("w", [5])])
def test_the_records(target: str, prefixes: list[int]) -> None:
    result = probe("out", checkpoint(), target=target)
    by_prefix = result.select(measure=BY_PREFIX)
    names = ["embedding", "loop 1", "loop 2"]
    assert [(row["state"], row["prefix"]) for row in by_prefix] == [(s, i) for s in names for i in prefixes]
    assert [row["index"] for row in result.select(measure=BY_STATE)] == [0, 1, 2]
    for row in result.records:
        assert value(row, "low") <= value(row) <= value(row, "high")
    # The mean over the prefixes, and predicting zero measured on the same prompts.
    held_out = evaluation_prompts("linear-regression", seed=0, prompts=32, n=N, d=D)
    powers = probe_targets(held_out, settings(Path(), target=target)).square().mean((1, 2))
    for state in result.select(measure=BY_STATE):
        own = [row for row in by_prefix if row["index"] == state["index"]]
        assert value(state) == pytest.approx(sum(value(row) for row in own) / len(own), rel=1e-5)
        assert [value(row, "zero") for row in own] == pytest.approx(powers.tolist(), rel=1e-5)
    assert load_result(Path("out")).records == result.records
    assert {entry.name for entry in Path("out").iterdir()} - {".lock"} == {
        "config.toml",
        "metrics.jsonl",
        "result.json",
    }
    assert [row["step"] for row in read_rows(Path("out") / "metrics.jsonl")] == [5, 10, 15, 20]


def test_what_the_errors_must_be() -> None:
    """Probes that learned on w = 1 say 1 whatever they see: E (1 - w)² = 2; others beat zero, or nearly: E w² = 1.

    The interleaved tokens of the embedding hold y, so that even there a little of w can be decoded.
    """
    common: dict[str, Any] = {"target": "w", "probe": "linear", "steps": 150, "lr": 0.03, "batch": 64}
    common["eval_prompts"] = 1280
    control = probe("control", checkpoint(), control=True, **common)
    states = control.select(measure=BY_STATE)
    assert [value(row) for row in states] == pytest.approx([2.0] * 3, abs=0.15)
    assert [row["role"] for row in states] == ["control"] * 3
    plain = probe("plain", checkpoint(), **common)
    states = plain.select(measure=BY_STATE)
    assert [value(row, "zero") for row in states] == pytest.approx([1.0] * 3, abs=0.05)
    assert all(0.5 < value(row) < 1.08 for row in states)


def test_standardised_states_are_learned_from_sooner() -> None:
    """A state that is large and far from zero: what a probe could say is the same, what it has found is not."""
    path = checkpoint()
    trained = load_checkpoint(path)
    with torch.no_grad():
        trained.model.read_in.weight.mul_(0.05)
        trained.model.read_in.bias.fill_(3.0)
    config = trained.model.config
    save_checkpoint(path, trained.model, study="train", config=config, step=9, metrics={})
    common: dict[str, Any] = {"target": "w", "steps": 150, "batch": 64, "eval_prompts": 1280}
    rows = {kind: probe(str(kind), path, standardise=kind, **common).select(measure=BY_STATE) for kind in (True, False)}
    embedded = {kind: value(states[0]) for kind, states in rows.items()}
    assert embedded[True] < 0.93
    assert embedded[False] > 0.99


@pytest.mark.parametrize("optimised", ["mlp", "linear"])
def test_interrupted_and_resumed_is_as_never_interrupted(optimised: str) -> None:
    resumed_as_whole(run, settings(checkpoint(), probe=optimised, save_every=3), stops=(5, 15))


def test_loops_beyond_training_and_layers_of_a_standard_model() -> None:
    beyond = probe("beyond", checkpoint(), loops=4)
    assert [row["state"] for row in beyond.select(measure=BY_STATE)][-1] == "loop 4"
    standard = probe("standard", checkpoint("s", architecture="standard", L=3))
    assert [row["layer"] for row in standard.select(measure=BY_STATE)] == [None, 1, 2, 3]
    tied = probe("tied", checkpoint("t", architecture="tied", L=2))
    assert [row["loop"] for row in tied.select(measure=BY_STATE)] == [None, 1, 2]


def test_what_is_left_open_is_the_same_run_as_what_training_says() -> None:
    path = checkpoint()
    first = run(settings(path))
    assert run(settings(path, loops=2, n=N, task="linear-regression")).run == first.run
    assert run(settings(path, control=True)).run != first.run


def test_training_prompts_are_fresh_and_their_control_has_weights_of_one() -> None:
    config = settings(checkpoint(), task="noisy-linear-regression")
    subject = measured_model(config, loops=None)
    first, again, second = (training_prompts(subject, config, step) for step in (1, 1, 2))
    assert torch.equal(first.xs, again.xs)
    assert not torch.equal(first.xs, second.xs)
    assert first.weights is not None
    noise = first.ys - torch.einsum("bnd,bd->bn", first.xs, first.weights)
    ones = with_weights_of_one(first)
    torch.testing.assert_close(ones.ys, first.xs.sum(-1) + noise, atol=1e-5, rtol=1e-5)
    assert ones.weights is not None
    assert torch.equal(ones.weights, torch.ones(8, D))


def test_functions_without_weights_have_no_control() -> None:
    path = checkpoint()
    with pytest.raises(UsageError, match="--control sets the weights"):
        probe("a", path, task="relu-2nn", control=True)
    with pytest.raises(UsageError, match="the target w needs functions with weights"):
        probe("b", path, task="decision-tree", target="w")
    assert not Path("a").exists()
    assert not Path("b").exists()


def test_bad_requests() -> None:
    path = checkpoint()
    with pytest.raises(InputError, match="6 points, the model has positions for 5"):
        probe("a", path, n=6)
    with pytest.raises(UsageError, match=r"'W' is not a target .*; did you mean w"):
        ProbeConfig.create({"checkpoint": "x", "target": "W"})


def test_the_paper_preset() -> None:
    paper = ProbeConfig.create({"checkpoint": "x"}, preset="paper")
    assert (paper.batch, paper.steps, paper.hidden, paper.probe) == (1280, 10_000, 64, "mlp")
    assert not paper.standardise
    adam = paper.optimiser_settings
    assert (adam.optimiser, adam.lr, adam.schedule, adam.warmup, adam.clip) == ("adam", 1e-3, "constant", 0, 0.0)


def test_bf16_probes() -> None:
    path = checkpoint()
    exact, rough = (probe(precision, path, precision=precision) for precision in ("f32", "bf16"))
    assert rough.environment["precision"] == "bf16"
    ours, theirs = ([value(row) for row in result.select(measure=BY_STATE)] for result in (rough, exact))
    assert ours != theirs
    assert ours == pytest.approx(theirs, rel=0.05)


def test_the_figures_and_the_table() -> None:
    path = checkpoint()
    plain, control = probe("plain", path), probe("control", path, control=True)
    standard = probe("standard", checkpoint("s", architecture="standard", L=3))
    moment = probe("moment", path, target="Xy")
    drawn = figures([plain])
    assert set(drawn) == {"error-by-state", "error-by-prefix", "learning-curve"}
    heat: Any = drawn["error-by-prefix"].data[0]
    assert (list(heat.x), list(heat.y)) == ([0, 1, 2], [1, 2, 3])
    places = {(row["index"], row["prefix"]): value(row) / value(row, "zero") for row in plain.select(measure=BY_PREFIX)}
    assert heat.z[2][1] == pytest.approx(places[1, 3])
    overlaid: Any = figures([plain, control, standard])["error-by-state"].data
    lines = {line.name: line for line in overlaid if line.showlegend is None}
    assert set(lines) == {"predicting zero", "looped L=1 b=2", "looped L=1 b=2, control", "standard L=3"}
    solid, dashed = lines["looped L=1 b=2"].line, lines["looped L=1 b=2, control"].line
    assert (solid.dash, dashed.dash) == ("solid", "dash")
    assert solid.color == dashed.color != lines["standard L=3"].line.color
    assert set(figures([plain, moment])) == {
        "error-by-state-Wols", "error-by-state-Xy", "targets-compared", "error-by-prefix-1", "error-by-prefix-2",
        "learning-curve",
    }  # fmt: skip
    shown = table(plain)
    assert list(shown.columns) == ["", "mean", "i=1", "i=2", "i=3"]
    assert [row[0] for row in shown.rows] == ["embedding", "loop 1", "loop 2", "predicting zero"]
    only_w = table(probe("w", path, target="w"))
    assert list(only_w.columns) == ["", "error"]


def test_train_probe_plot_in_a_pipe() -> None:
    icltool = f"{sys.executable} -m icltool"
    sizes = "--L 1 --b 2 --d 2 --n 6 --width 8 --heads 2 --steps 5 --batch 4 --eval-prompts 16 --threads 1 --quiet"
    probing = "--target Wols --steps 5 --batch 4 --eval-prompts 16 --threads 1"
    piped = f"{icltool} train {sizes} | {icltool} probe - {probing} --json | tee told | {icltool} plot - --out figures"
    words = ["bash", "-c", f"set -o pipefail; {piped}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert [Path(line).name for line in done.stdout.split()] == ["figure.html"]
    assert "Decoding Wols" in (Path("figures") / "figure.html").read_text()
    told = json.loads(Path("told").read_text())
    assert told["kind"] == "probe"
    assert told["checkpoint"] is None
    assert {"steps", "steps_per_second", "seconds", "best_state", "best_error"} <= set(told["summary"])
    assert "predicting zero" in done.stderr
