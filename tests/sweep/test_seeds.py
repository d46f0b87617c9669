"""Several seeds as one line: means by hand, the band, and what is left alone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from icltool.core.errors import InputError
from icltool.core.metrics_log import read_rows
from icltool.core.result import Result, Row
from icltool.regression.evaluation.error_records import BY_EXAMPLE, BY_LOOP
from icltool.sweep.claims.looped import loop_extrapolation
from icltool.sweep.plotting import sweep_figures
from icltool.sweep.seeds import Series, mean_of_runs, title_with_seeds


def of_seed(folder: Path, records: list[Row], rows: list[dict[str, float | int | None]] | None = None) -> Result:
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows or []))
    return Result(kind="eval", label="m", config={}, environment={}, summary={}, records=records, run=folder)


def row(loop: int, mean: float | None, **more: float) -> Row:
    return {"measure": "error", "loop": loop, "mean": mean, "low": mean, "high": mean, **more}


def test_each_record_is_the_mean_over_the_seeds_with_their_band(tmp_path: Path) -> None:
    one = of_seed(tmp_path / "0", [row(1, 1.0, tolerance=0.1, loops_spent=5.0), row(2, 4.0)])
    other = of_seed(tmp_path / "1", [row(2, 8.0), row(1, 3.0, tolerance=0.1, loops_spent=7.0)])
    first, second = mean_of_runs([one, other]).records
    assert (first["loops_spent"], first["tolerance"]) == (6.0, 0.1)
    assert (first["loop"], first["mean"], second["loop"], second["mean"]) == (1, 2.0, 2, 6.0)
    # Of two seeds a quarter of the resamples hold one of them alone.
    assert (first["low"], first["high"]) == (1.0, 3.0)
    assert mean_of_runs([one]) is one


def test_a_new_measured_column_is_averaged_too(tmp_path: Path) -> None:
    runs = [of_seed(tmp_path / str(seed), [row(1, seed, drift=seed / 4, prompts=8)]) for seed in (1, 3)]
    [record] = mean_of_runs(runs).records
    assert (record["mean"], record["drift"], record["prompts"]) == (2.0, 0.5, 8)


def test_runs_that_share_no_record_say_so(tmp_path: Path) -> None:
    runs = [of_seed(tmp_path / str(loop), [row(loop, 1.0)]) for loop in (1, 2)]
    with pytest.raises(InputError, match=r"/1, .*/2 share no record: none has the same .*loop, .* in all of them$"):
        mean_of_runs(runs)


def test_records_that_the_columns_do_not_tell_apart_say_so(tmp_path: Path) -> None:
    runs = [of_seed(tmp_path / str(seed), [row(1, 1.0, angle=0.0), row(1, 2.0, angle=90.0)]) for seed in (0, 1)]
    with pytest.raises(InputError, match=r"/0 holds two records with the same measure, .*; the study 'eval' declares"):
        mean_of_runs(runs)


def test_words_that_differ_from_seed_to_seed_say_so(tmp_path: Path) -> None:
    runs = [of_seed(tmp_path / word, [{**row(1, 1.0), "best": word}]) for word in ("a", "b")]
    with pytest.raises(InputError, match=r"'best' .*'a', 'b'.*the study 'eval'"):
        mean_of_runs(runs)


def test_what_one_seed_lacks_is_left_out(tmp_path: Path) -> None:
    one = of_seed(tmp_path / "0", [row(1, 1.0), row(2, None), row(3, 5.0)])
    other = of_seed(tmp_path / "1", [row(1, 3.0), row(2, 2.0)])
    assert [record["loop"] for record in mean_of_runs([one, other]).records] == [1]


def test_a_median_is_averaged_as_a_mean_is(tmp_path: Path) -> None:
    records: list[Row] = [{"loop": 1, "median": value, "low": 0.0, "high": 9.0} for value in (1.0, 2.0)]
    merged = mean_of_runs([of_seed(tmp_path / str(seed), [record]) for seed, record in enumerate(records)])
    assert [(record["median"], record["low"], record["high"]) for record in merged.records] == [(1.5, 1.0, 2.0)]


def test_a_curve_has_the_steps_that_all_logged(tmp_path: Path) -> None:
    runs = [
        of_seed(tmp_path / "0", [], [{"step": 10, "error": 1.0, "held_out": None}, {"step": 20, "error": 2.0}]),
        of_seed(tmp_path / "1", [], [{"step": 10, "error": 3.0, "held_out": 1.0}]),
    ]
    assert mean_of_runs(runs).logged() == [{"step": 10, "error": 2.0}]
    assert runs[0].logged() == read_rows(runs[0].run / "metrics.jsonl")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([1, 1], "T"),
        ([3, 3], "T (mean of 3 seeds)"),
        ([3, 1], "T (mean of 3 seeds)"),
        ([3, 2], "T (mean of 2 to 3 seeds)"),
    ],
)
def test_a_title_tells_of_the_seeds(tmp_path: Path, counts: list[int], told: str) -> None:
    run = of_seed(tmp_path / "0", [])
    series = [Series(label="m", runs=[run] * count) for count in counts]
    assert title_with_seeds("T", series) == told
    assert title_with_seeds("T (a)", series) == told.replace("T (", "T (a; ").replace(
        "T", "T (a)" if told == "T" else "T"
    )


def test_a_claim_draws_one_line_for_the_seeds_of_a_model(tmp_path: Path) -> None:
    runs: list[Row] = []
    for seed, error in ((0, 0.2), (1, 0.4)):
        records: list[Row] = [
            {"measure": measure, "role": "model", "model": "m", "examples": 5, "loop": loop, "mean": error / loop,
             "low": error / loop, "high": error / loop}
            for loop in (1, 2)
            for measure in (BY_LOOP, *([BY_EXAMPLE] if loop == 2 else []))
        ]  # fmt: skip
        of_seed(tmp_path / str(seed), records).save()
        runs.append({"table": "run", "stage": "measure", "run": str(seed), "status": "finished", "error": None,
                     "b": 2, "T": 2, "seed": seed})  # fmt: skip
    sweep = Result(kind="sweep", label="s", config={}, environment={}, summary={}, records=runs, run=tmp_path)
    drawn: Any = loop_extrapolation(sweep)["error-by-loop"]
    assert drawn.layout.title.text == "Error of the last point after each loop (mean of 2 seeds)"
    [line] = [trace for trace in drawn.data if trace.name == "b=2 T=2"]
    assert list(line.y) == pytest.approx([0.3, 0.15])
    band = next(trace for trace in drawn.data if trace.fill == "toself")
    assert list(band.y) == pytest.approx([0.4, 0.2, 0.1, 0.2])


def test_a_grid_without_figures_of_its_own_draws_a_line_a_model(tmp_path: Path) -> None:
    runs: list[Row] = []
    for place, (layers, seed) in enumerate([(1, 0), (1, 1), (2, 0), (2, 1)]):
        records: list[Row] = [
            {"measure": BY_EXAMPLE, "role": "model", "model": "m", "examples": examples, "loop": 1,
             "mean": layers + seed, "low": 0.0, "high": 9.0}
            for examples in (0, 1)
        ]  # fmt: skip
        rows: list[dict[str, float | int | None]] = [{"step": 1, "running_error": 1.0, "held_out_error": layers + seed}]
        replace(of_seed(tmp_path / str(place), records, rows), kind="train", label=f"L={layers}").save()
        runs.append({"table": "run", "stage": "train", "run": str(place), "status": "finished", "error": None,
                     "L": layers, "seed": seed})  # fmt: skip
    sweep = Result(kind="sweep", label="s", config={}, environment={}, summary={}, records=runs, run=tmp_path)
    drawn: dict[str, Any] = sweep_figures(sweep)
    lines = {trace.name: list(trace.y) for trace in drawn["error-by-example"].data if trace.name}
    assert lines == {"L=1": [1.5, 1.5], "L=2": [2.5, 2.5]}
    curves = {trace.name: list(trace.y) for trace in drawn["learning-curve"].data if "held-out" in trace.name}
    assert curves == {"L=1: held-out error": [1.5], "L=2: held-out error": [2.5]}
    assert all("(mean of 2 seeds)" in figure.layout.title.text for figure in drawn.values())
