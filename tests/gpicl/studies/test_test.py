"""`gpicl-test` and `gpicl-augment` as commands and as functions."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from icltool.core.errors import InputError, UsageError
from icltool.core.result import Result, load_result
from icltool.core.seeding import derived_seed
from icltool.core.study import RunRequest
from icltool.gpicl.data.image_sets import load_image_set
from icltool.gpicl.evaluation.accuracy_records import BY_POSITION
from icltool.gpicl.studies.augment.config import GpiclAugmentConfig
from icltool.gpicl.studies.augment.figure import figures as augment_figures
from icltool.gpicl.studies.augment.run import run as augment
from icltool.gpicl.studies.test.config import GpiclTestConfig
from icltool.gpicl.studies.test.figure import figures, table
from icltool.gpicl.studies.test.run import run
from icltool.gpicl.studies.train.config import GpiclTrainConfig
from icltool.gpicl.studies.train.run import run as train
from tests.reference.task_plain import permutation_plain, projection_plain
from tests.waiting import PATIENCE

TINY: dict[str, Any] = {
    "features": "components",
    "L": 1,
    "width": 8,
    "heads": 2,
    "context": 5,
    "batch": 4,
    "steps": 4,
    "tasks": 16,
    "eval_prompts": 60,
    "threads": 1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(GpiclTrainConfig.model_validate(TINY), request=RunRequest(out=folder))
    return folder


def measured(checkpoint: Path, **settings: Any) -> Result:
    config = GpiclTestConfig.model_validate(
        {"checkpoint": str(checkpoint), "eval_prompts": 60, "threads": 1, **settings}
    )
    return run(config)


def test_the_training_s_own_figures_come_out_again(trained: Path) -> None:
    found, before = measured(trained), load_result(trained)
    assert [row for row in found.records if row["dataset"] == "digits"] == list(before.records)
    assert found.summary["unseen_tasks_accuracy"] == before.summary["held_out_accuracy"]
    assert found.summary["tasks"] == 16
    assert {str(row["test"]) for row in found.records} == {
        "digits: unseen tasks",
        "digits: seen tasks",
        "digits: seen tasks, train images",
        "random: unseen tasks",
    }


def test_other_features_and_lengths_are_other_runs(trained: Path) -> None:
    plain = measured(trained)
    assert measured(trained, features="components", context=5).run == plain.run
    pixels = measured(trained, features="pixels", elsewhere="", context=3)
    assert pixels.run != plain.run
    assert max(int(str(row["examples"])) for row in pixels.records) == 2
    assert {row["dataset"] for row in pixels.records} == {"digits"}


def test_what_cannot_be_tested_is_one_clear_line(trained: Path) -> None:
    with pytest.raises(InputError, match="have 6 examples, the model has positions for 5"):
        measured(trained, context=6)
    with pytest.raises(InputError, match="is not a folder; give the one that holds the files of svhn"):
        measured(trained, dataset="svhn", data_dir="nowhere")
    with pytest.raises(UsageError, match="'minst' is not a data set; did you mean mnist"):
        GpiclTestConfig.create({"checkpoint": "x", "elsewhere": "random,minst"})


def test_several_checkpoints_are_compared(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    train(GpiclTrainConfig.model_validate({**TINY, "tasks": 2, "L": 2}), request=RunRequest(out=other))
    drawn = figures([measured(trained), measured(other)])
    assert set(drawn) == {
        "accuracy-by-position",
        "improvement-by-tasks",
        "accuracy-by-size",
    }
    assert list(drawn["improvement-by-tasks"].to_dict()["data"][1]["x"]) == [2, 16]
    sizes = [list(trace["x"]) for trace in drawn["accuracy-by-size"].to_dict()["data"]]
    parameters = [load_result(run).summary["parameters"] for run in (trained, other)]
    assert sizes == [[parameters[0]], [5 * 1 * 2 * 8], [parameters[1]], [5 * 2 * 2 * 8]]


def test_an_mlp_from_scratch_learns_from_the_context_alone(trained: Path) -> None:
    """Nothing is trained, and yet it ends far above chance on unseen tasks; it stands beside the learner."""
    result = measured(trained, sgd=True, context=5, eval_prompts=400, sgd_width=32)
    rows = [row for row in result.records if row["model"] == "sgd from scratch"]
    assert {str(row["test"]) for row in rows} == {"digits: unseen tasks", "random: unseen tasks"}
    by_place = {
        row["examples"]: row["mean"]
        for row in rows
        if row["test"] == "digits: unseen tasks" and row["measure"] == BY_POSITION
    }
    assert list(by_place) == [0, 1, 2, 3, 4]
    # Four standard errors of a share of 400 about .1; four examples of ten classes leave little to know.
    assert abs(float(str(by_place[0])) - 0.1) < 0.06
    assert float(str(by_place[4])) > 0.16
    assert result.summary["sgd_accuracy"] == by_place[4]
    assert result.summary["sgd_improvement"] == pytest.approx(float(str(by_place[4])) - float(str(by_place[0])))
    elsewhere = max(
        (row for row in rows if row["test"] == "random: unseen tasks" and row["measure"] == BY_POSITION),
        key=lambda row: int(str(row["examples"])),
    )
    assert result.summary["sgd_random_accuracy"] == elsewhere["mean"]
    assert result.summary["sgd_state_size"] == 64 * 32 + 32 + 32 * 10 + 10
    assert "sgd from scratch, digits: unseen tasks" in [row[0] for row in table(result).rows]
    names = [trace["name"] for trace in figures([result])["accuracy-by-position"].to_dict()["data"] if "name" in trace]
    assert "sgd from scratch, digits: unseen tasks" in names


def test_a_preview_shows_the_image_and_its_projections() -> None:
    config = GpiclAugmentConfig(image=3, preview=2, sample=200, seed=5, threads=1)
    result = augment(config)
    digits = load_image_set("digits")
    image = digits.train.images[3].double().numpy()
    rows = [row for row in result.records if row["task"] is None]
    np.testing.assert_allclose([float(str(row["value"])) for row in rows], image, atol=1e-5)
    train_images = digits.train.images.double().numpy()
    std = train_images.std(0)
    standard = np.where(std > 0, (image - train_images.mean(0)) / np.where(std > 0, std, 1), 0)
    key = derived_seed(5, "tasks")
    shown = [row for row in result.records if row["task"] == 1]
    expected = np.array(projection_plain(key, 1, inputs=64, purpose=0)) @ standard
    np.testing.assert_allclose([float(str(row["value"])) for row in shown], expected, rtol=1e-2, atol=1e-3)
    assert shown[0]["label"] == permutation_plain(key, 1, classes=10, purpose=1)[int(digits.train.labels[3])]
    assert set(augment_figures([result])) == {"preview"}


def test_the_statistics_are_what_they_should_be() -> None:
    found = augment(GpiclAugmentConfig(sample=400, threads=1)).summary
    numbers = {name: float(str(value)) for name, value in found.items() if name.startswith(("projection", "column"))}
    entries = 400 * 64 * 64
    assert numbers["projection_mean"] == pytest.approx(0, abs=4 / entries**0.5)
    assert numbers["projection_std"] == pytest.approx(1, abs=4 / (2 * entries) ** 0.5)
    assert numbers["column_length"] == pytest.approx(1, abs=4 * (2 / entries) ** 0.5)
    assert numbers["column_overlap"] == pytest.approx(0, abs=4 * (1 / 64 / (400 * 64 * 63 / 2)) ** 0.5)
    assert 0.001 < float(str(found["permutation_p_value"])) <= 1


def test_sequences_to_take_away() -> None:
    config = GpiclAugmentConfig(sequences=300, context=4, features="components", components=5, sample=10, threads=1)
    result = augment(config)
    tensors = load_file(result.run / "sequences.safetensors")
    assert tensors["inputs"].shape == (300, 4, 5)
    assert tensors["labels"].shape == (300, 4)
    # Undone by its task's projection, an input is a training image's features: finite, and of the images' length.
    first = np.array(projection_plain(derived_seed(0, "tasks"), int(tensors["tasks"][0]), inputs=5, purpose=0))
    undone = np.linalg.solve(first, tensors["inputs"][0].double().numpy().T)
    assert np.abs(undone).max() < 10
    assert torch.bincount(tensors["labels"].flatten(), minlength=10).min() > 60
    with pytest.raises(UsageError, match=r"at most 5e\+08 are written"):
        augment(GpiclAugmentConfig(sequences=10**6, context=10**4, sample=10, threads=1))
    with pytest.raises(UsageError, match="--image 9999: the training split of digits has 1437 images"):
        augment(GpiclAugmentConfig(image=9999, sample=10, threads=1))


def test_the_commands_pipe_into_each_other(tmp_path: Path) -> None:
    options = [word for key, value in TINY.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    icltool = [sys.executable, "-m", "icltool"]
    first = subprocess.run(
        [*icltool, "gpicl-train", *options, "--quiet"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE,
    )
    second = subprocess.run(
        [*icltool, "gpicl-test", "-", "--eval-prompts", "30", "--threads", "1", "--json"],
        input=first.stdout,
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE,
    )
    answer = json.loads(second.stdout)
    assert answer["kind"] == "gpicl-test"
    assert answer["summary"]["chance"] == 0.1
    assert "Accuracy after k examples" in second.stderr
