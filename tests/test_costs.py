"""What the studies say a run will cost, against torch's own count of the run itself."""

from pathlib import Path
from typing import Any

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from icltool.core.config import Config
from icltool.core.runtime import prepare
from icltool.core.seeding import generator
from icltool.core.study import Cost, RunRequest
from icltool.gpicl.data.classification_data import classification_data
from icltool.gpicl.data.config import CLASSES, PreprocessingConfig, expected_inputs
from icltool.gpicl.learners.all_learners import new_learner
from icltool.gpicl.studies.train.config import GpiclTrainConfig
from icltool.gpicl.studies.train.objective import InContextObjective, TaskBatches
from icltool.gpicl.studies.train.run import run as gpicl_train
from icltool.regression.models.checkpoint import new_model, save_checkpoint
from icltool.regression.studies.train.config import TrainConfig
from icltool.studies import study_named

LOOPED = {"architecture": "looped", "L": 2, "b": 3}
STANDARD = {"architecture": "standard", "L": 3, "b": 1}
# The model as a whole, or its parts where a study follows it loop by loop.
TOP = ("LoopedTransformer", "Linear", "Block")


GPICL: dict[str, Any] = {
    "features": "pixels", "width": 16, "heads": 2, "context": 8, "batch": 4, "eval_prompts": 20, "threads": 1,
}  # fmt: skip


def counted(name: str, model: TrainConfig, folder: Path, **settings: Any) -> tuple[float, float]:
    """The estimate, and the operations that torch counts in the model's and the probes' products while the run runs."""
    path = folder / "trained" / "model.safetensors"
    path.parent.mkdir()
    save_checkpoint(path, new_model(model, generator(0, "w")), study="train", config=model, step=1, metrics={})
    study = study_named(name)
    config: Config = study.config().create({"checkpoint": str(path), "threads": 1, **settings})
    estimate = study.cost(config, model=model).flops
    assert estimate is not None
    # Only the plain attention is made of products that torch counts on a CPU.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        study.run()(config, request=RunRequest(out=folder / "run"), on_step=lambda _record: None)
    by_module = counter.get_flop_counts()
    if name == "probe":
        # Everything: the targets are in it too, some thousandths.
        return estimate, float(counter.get_total_flops())
    # The model's own calls, without the baselines.
    return estimate, float(sum(sum(by_module[top].values()) for top in TOP if top in by_module))


def model_of(kind: dict[str, Any]) -> TrainConfig:
    return TrainConfig.model_validate({**kind, "width": 32, "heads": 2, "d": 3, "n": 6})


@pytest.mark.parametrize("kind", [LOOPED, STANDARD], ids=["looped", "standard"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("eval", {"eval_prompts": 6, "seeds": 2, "loops": 4, "shifts": "all"}),
        ("mask-tokens", {"eval_prompts": 12, "scope": "input"}),
        ("mask-tokens", {"eval_prompts": 12, "scope": "input", "loops": 2, "multiples": 2}),
        ("probe", {"eval_prompts": 12, "steps": 6, "eval_every": 2, "batch": 8}),
        ("probe", {"eval_prompts": 12, "steps": 4, "batch": 8, "probe": "linear", "target": "Xy", "loops": 4}),
    ],
)
def test_a_dry_run_costs_what_the_run_costs(name: str, settings: Any, kind: Any, tmp_path: Path) -> None:
    estimate, found = counted(name, model_of(kind), tmp_path, **settings)
    assert estimate == pytest.approx(found, rel=0.01 if name == "probe" else 1e-9)


@pytest.mark.parametrize("learner", ["transformer", "op-lstm", "vsml", "mlp", "maml"])
def test_a_step_of_a_learner_costs_what_a_dry_run_says(learner: str) -> None:
    """Its sequences' projections and its products; an LSTM's are oneDNN's, which torch does not count."""
    one, two = (GpiclTrainConfig.model_validate({**GPICL, "learner": learner, "steps": steps}) for steps in (1, 2))
    study = study_named("gpicl-train")
    estimate, before = study.cost(two).flops, study.cost(one).flops
    assert estimate is not None
    assert before is not None
    runtime = prepare(one)
    data = classification_data("digits", one, data_dir=None)
    model = new_learner(one, inputs=data.inputs, classes=data.classes, generator=generator(0, "w"))
    batches = TaskBatches(data, one, runtime.device)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        InContextObjective(model, batches, batches, runtime).measure(1)["loss"].backward()
    # The first example has no past, of whose gradient a little is spared.
    assert estimate - before == pytest.approx(counter.get_total_flops(), rel=0.03)


@pytest.mark.parametrize("learner", ["transformer", "maml"])
def test_testing_a_learner_costs_what_a_dry_run_says(learner: str, tmp_path: Path) -> None:
    trained = GpiclTrainConfig.model_validate({**GPICL, "learner": learner, "steps": 1})
    gpicl_train(trained, request=RunRequest(out=tmp_path / "trained"))
    study = study_named("gpicl-test")
    for sgd in (False, True):
        settings = {"checkpoint": str(tmp_path / "trained"), "eval_prompts": 20, "sgd": sgd, "threads": 1}
        config: Config = study.config().create(settings)
        estimate = study.cost(config, model=trained).flops
        assert estimate is not None
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            study.run()(config, request=RunRequest(out=tmp_path / f"run-{sgd}"), on_step=lambda _record: None)
        found = counter.get_total_flops()
        if sgd:
            # The descent that is chosen is not known before; the longest counts.
            assert 0.1 * estimate < found <= estimate * (1 + 1e-9)
        else:
            assert estimate == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize(
    ("n", "T", "m", "milliseconds"),
    [
        (10_000, 100, 2, 3.2), (10_000, 1000, 2, 14.2), (10_000, 10_000, 2, 122.0),
        (1000, 10, 2, 1.9), (1000, 100, 2, 2.3), (1000, 1000, 2, 4.1), (1000, 10_000, 2, 25.5),
        (1000, 3000, 5, 14.2), (1000, 30, 20, 2.4), (1000, 300, 20, 5.1), (1000, 1000, 20, 10.8),
    ],
)  # fmt: skip
def test_a_step_of_double_descent_takes_what_was_measured(n: int, T: int, m: int, milliseconds: float) -> None:
    """CPU time on one core of an AMD EPYC, 2026-11-25; ten active features a sample, as the paper has."""
    study = study_named("double-descent")
    steps = 100
    config = study.config().create({"n": n, "T": T, "m": m, "sparsity": 1 - 10 / n, "steps": steps, "warmup": 1})
    seconds = study.cost(config).seconds
    assert seconds is not None
    assert seconds / steps == pytest.approx(milliseconds / 1e3, rel=0.2)


def test_double_descent_says_what_memory_it_takes() -> None:
    """By hand: 128 bytes for each of 10 T non-zeros, 48 for each coordinate, the snapshots and their copy."""
    study = study_named("double-descent")
    config = study.config().create({"T": 1000, "n": 1000, "sparsity": 0.99, "m": 2, "frames": 2})
    needed = 128 * 10 * 1000 + 48 * (1000 + 1000) * 3 + 2 * 2 * 1000 * 2 * 4
    assert study.cost(config).memory == pytest.approx(needed, rel=1e-3)


def test_the_sizes_of_images_are_known_before_they_are_read() -> None:
    for name in ("digits", "random"):
        for options in ({"features": "pixels"}, {"features": "pixels", "resize": 5}, {"components": 7}):
            config = PreprocessingConfig.model_validate(options)
            data = classification_data(name, config, data_dir=None)
            assert (expected_inputs(name, config), CLASSES) == (data.inputs, data.classes)


def test_the_cost_is_open_where_the_model_is(tmp_path: Path) -> None:
    for name in ("eval", "mask-tokens", "probe", "gpicl-test"):
        study = study_named(name)
        assert study.cost(study.config().create({"checkpoint": str(tmp_path)})) == Cost()
    assert study_named("gpicl-augment").cost(study_named("gpicl-augment").config()()) == Cost()
