"""What the studies say a run will cost, against torch's own count of the run itself."""

from pathlib import Path
from typing import Any

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from icltool.core.config import Config
from icltool.core.run_folder import RunRequest
from icltool.core.seeding import generator
from icltool.models.checkpoint import new_model, save_checkpoint
from icltool.studies.registry import study_named
from icltool.studies.train.config import TrainConfig

LOOPED = {"architecture": "looped", "L": 2, "b": 3}
STANDARD = {"architecture": "standard", "L": 3, "b": 1}
# The model as a whole, or its parts where a study follows it loop by loop.
TOP = ("LoopedTransformer", "Linear", "Block")


def counted(name: str, model: TrainConfig, folder: Path, **settings: Any) -> tuple[float, float]:
    """The estimate, and the operations that torch counts in the model's and the probes' products while the run runs."""
    path = folder / "trained" / "model.safetensors"
    path.parent.mkdir()
    save_checkpoint(path, new_model(model, generator(0, "w")), study="train", config=model, step=1, metrics={})
    study = study_named(name)
    config: Config = study.config().create({"checkpoint": str(path), "threads": 1, **settings})
    estimate = study.flops(config, model=model)
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


def test_the_cost_is_open_where_the_model_is(tmp_path: Path) -> None:
    for name in ("eval", "mask-tokens", "probe"):
        study = study_named(name)
        assert study.flops(study.config().create({"checkpoint": str(tmp_path)})) is None
    assert study_named("gpicl-train").flops(study_named("gpicl-train").config()()) is None
