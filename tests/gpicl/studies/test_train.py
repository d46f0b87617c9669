"""`gpicl-train`: it learns to learn, the curriculum grows as said, equal settings give equal bytes, resumed or not."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from icltool.core.errors import InputError, InterruptedRun, UsageError
from icltool.core.metrics_log import read_rows
from icltool.core.progress import StepProgress
from icltool.core.result import load_result
from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.core.tensor_header import read_header
from icltool.gpicl.data.classification_data import ClassificationData, prepare_images
from icltool.gpicl.data.image_sets import ImageSet, ImageSplit, load_image_set
from icltool.gpicl.evaluation.in_context_accuracy import SequenceTest, SequenceTestSize, right_answers
from icltool.gpicl.learners.all_learners import new_learner
from icltool.gpicl.studies.train.config import GpiclTrainConfig
from icltool.gpicl.studies.train.figure import figures, table
from icltool.gpicl.studies.train.objective import InContextObjective, TaskBatches, grown
from icltool.gpicl.studies.train.run import run
from icltool.training.gradient_learner import GradientLearner

TINY: dict[str, Any] = {
    "features": "components",
    "components": 6,
    "L": 1,
    "width": 8,
    "heads": 2,
    "context": 6,
    "batch": 4,
    "steps": 30,
    "log_every": 5,
    "eval_every": 10,
    "save_every": 7,
    "eval_prompts": 40,
    "threads": 1,
}
CPU = Runtime(device=torch.device("cpu"), precision="f32", compiled=False)


def tiny(**settings: Any) -> GpiclTrainConfig:
    return GpiclTrainConfig.model_validate({**TINY, **settings})


def two_digits(config: GpiclTrainConfig) -> ClassificationData:
    """Zeros and ones alone."""
    digits = load_image_set("digits")

    def only(split: ImageSplit) -> ImageSplit:
        kept = split.labels < 2
        return ImageSplit(images=split.images[kept], labels=split.labels[kept])

    few = ImageSet(name="two digits", train=only(digits.train), test=only(digits.test), classes=2, shape=(8, 8))
    return prepare_images(few, config)


def test_a_tiny_transformer_learns_to_learn() -> None:
    """Two classes, two components: on unseen tasks and test images it starts at chance and ends far above."""
    config = tiny(
        components=2,
        width=32,
        L=2,
        context=8,
        batch=32,
        steps=120,
        curriculum="none",
        schedule="constant",
        lr=0.03,
        adam_lr=3e-3,
    )
    data = two_digits(config)
    model = new_learner(config, inputs=2, classes=2, generator=generator(0, "weights"))
    batches = TaskBatches(data, config, CPU.device)
    learner = GradientLearner(model, InContextObjective(model, batches, batches, CPU), config, CPU)
    for step in range(1, config.steps + 1):
        learner.advance(step)
    test = SequenceTest(data=data, tasks="unseen", images="test")
    size = SequenceTestSize(sequences=512, context=8, seed=0, task_seed=0, tasks=config.tasks)
    accuracy = right_answers(model, test, size, CPU).float().mean(0)
    # Four standard errors of a share of 512 about one half.
    assert abs(float(accuracy[0]) - 0.5) < 0.09
    assert float(accuracy[-1]) > 0.7


def test_the_curriculum_grows_from_its_start_to_everything() -> None:
    found = [
        grown(step, start=2, end=10, steps=2400, until=2 / 3) for step in (1, 200, 201, 400, 401, 1600, 1601, 2400)
    ]
    assert found == [2, 2, 3, 3, 4, 9, 10, 10]
    assert grown(1, start=2, end=10, steps=100, until=0) == 10
    assert grown(50, start=5, end=3, steps=100, until=1) == 3
    config = tiny(steps=100, classes_until=0.5, components_start=1, components_until=1.0, bias_fraction=0.5)
    batches = TaskBatches(prepare_images(load_image_set("digits"), config), config, CPU.device)
    first, middle = batches.plan_at(1), batches.plan_at(51)
    assert (first.classes, first.features, first.fixed_labels) == (2, 1, 2)
    assert (middle.classes, middle.features) == (10, 3)
    plain = TaskBatches(batches.data, tiny(curriculum="none"), CPU.device).plan_at(1)
    assert (plain.classes, plain.features, plain.fixed_labels) == (None, None, 0)


def test_biased_batches_keep_the_labels_of_their_part() -> None:
    config = tiny(bias_fraction=0.75, curriculum="none", batch=40)
    batches = TaskBatches(prepare_images(load_image_set("digits"), config), config, CPU.device)
    free = TaskBatches(batches.data, tiny(curriculum="none", batch=40), CPU.device)
    biased, unbiased = batches(3), free(3)
    # The same images and projections; the labels of the last quarter are permuted in both.
    assert torch.equal(biased.inputs, unbiased.inputs)
    assert torch.equal(biased.labels[30:], unbiased.labels[30:])
    assert not torch.equal(biased.labels[:30], unbiased.labels[:30])


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("settings", [{}, {"tasks": 8, "loops": 2}])
def test_interrupted_and_resumed_is_as_never_interrupted(tmp_path: Path, settings: dict[str, Any]) -> None:
    config = tiny(**settings)
    whole = run(config, request=RunRequest(out=tmp_path / "whole"))
    assert run(config, request=RunRequest(out=tmp_path / "again")).summary["held_out_accuracy"] is not None
    assert weights(tmp_path / "again") == weights(tmp_path / "whole")

    def stop(progress: StepProgress) -> None:
        if progress.step == 15:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRun):
        run(config, request=RunRequest(out=tmp_path / "cut"), on_step=stop)
    resumed = run(config, request=RunRequest(out=tmp_path / "cut", resume=True))
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert resumed.records == whole.records


def test_a_run_leaves_what_later_commands_need(tmp_path: Path) -> None:
    result = run(tiny(), request=RunRequest(out=tmp_path / "run"))
    assert load_result(tmp_path / "run").records == result.records
    assert result.summary["chance"] == 0.1
    assert result.summary["state_size"] == 6 * 1 * 2 * 8
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows] == [5, 10, 15, 20, 25, 30]
    assert [row["classes"] for row in rows] == [4, 6, 9, 10, 10, 10]
    header = read_header(tmp_path / "run" / "model.safetensors")
    assert header["preprocessing"] == {
        "images": [8, 8],
        "resize": None,
        "grey": False,
        "features": "components",
        "components": 6,
        "component_floor": 0.2,
    }
    drawn = figures([result])
    assert set(drawn) == {"accuracy-by-position", "learning-curve"}
    assert [row[0] for row in table(result).rows] == [
        "digits: unseen tasks",
        "digits: seen tasks",
        "digits: seen tasks, train images",
        "chance",
    ]


def test_presets_and_bad_settings() -> None:
    paper = GpiclTrainConfig.create({}, preset="paper")
    assert (paper.width, paper.L, paper.heads, paper.context) == (256, 4, 8, 100)
    assert (paper.features, paper.curriculum, paper.bias_fraction) == ("pixels", "none", 0.0)
    assert GpiclTrainConfig.create({}).tasks == 2**24
    for values, message in (
        ({"tasks": 0}, "--tasks"),
        ({"dataset": "minst"}, "did you mean mnist"),
        ({"width": 10, "heads": 4}, "4 heads do not divide a width of 10"),
        (
            {"features": "components", "components": 3, "components_start": 4},
            "components.start is 4, more than the 3 components",
        ),
        ({"context": 1}, "--context"),
    ):
        with pytest.raises(UsageError, match=message):
            GpiclTrainConfig.create(values, as_options=True)
    # Again the same line: a run that could not begin is not an unfinished one.
    for _ in range(2):
        with pytest.raises(InputError, match="is not a folder"):
            run(tiny(dataset="mnist", data_dir="nowhere"))


def test_what_learns_from_scratch_has_nothing_to_train() -> None:
    with pytest.raises(UsageError, match="sgd learns each sequence from scratch") as refusal:
        GpiclTrainConfig.create({"learner": "sgd"})
    assert "\n" not in str(refusal.value)
    assert "gpicl-test CHECKPOINT --sgd" in str(refusal.value)


def test_presets_of_learners_that_need_settings_of_their_own() -> None:
    for name in ("lstm", "op-lstm", "vsml", "maml"):
        config = GpiclTrainConfig.create({}, preset=name)
        assert config.learner == name
        # Muon leaves what is recurrent at chance.
        assert (config.optimiser == "muon") == (name == "maml")
