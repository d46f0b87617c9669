"""Loops and curriculum over the steps, against the papers' tables."""

import pytest
import torch

from icltool.regression.models.loop_plan import loops_at
from icltool.regression.studies.train.config import CurriculumConfig
from icltool.regression.studies.train.curriculum import CHECK_EVERY, Curriculum, PromptSize


def test_loops_grow_like_the_official_schedule() -> None:
    """Start at T = 15, two more every 500 steps, to b = 20."""
    loops = [loops_at(step, start=15, end=20, increment=2, every=500) for step in (1, 500, 501, 1001, 1501, 10_000)]
    assert loops == [15, 15, 17, 19, 20, 20]


def test_the_official_curriculum() -> None:
    """Garg et al. 2022: dims 5 to 20 by 1, points 11 to 41 by 2, every 5000 steps (here every 2)."""
    config = CurriculumConfig(
        curriculum="timed", dims_start=5, dims_step=1, points_start=11, points_step=2, stage_steps=2, batch_points=0
    )
    curriculum = Curriculum(config, d=20, n=41, batch=64)
    sizes: list[PromptSize] = []
    for _ in range(34):
        sizes.append(curriculum.size())
        curriculum.observe(torch.tensor(1.0))
    assert sizes[0] == sizes[1] == PromptSize(dims=5, points=11, batch=64)
    assert sizes[2] == PromptSize(dims=6, points=13, batch=64)
    assert sizes[29] == PromptSize(dims=19, points=39, batch=64)
    assert sizes[30] == sizes[33] == PromptSize(dims=20, points=41, batch=64)


def test_no_curriculum_is_everything_at_once() -> None:
    curriculum = Curriculum(CurriculumConfig(curriculum="none"), d=20, n=41, batch=64)
    assert curriculum.size() == PromptSize(dims=20, points=41, batch=64)


def gated() -> Curriculum:
    config = CurriculumConfig(
        curriculum="gated",
        dims_start=1,
        dims_step=1,
        points_start=5,
        points_step=2,
        stage_min=2 * CHECK_EVERY,
        stage_steps=4 * CHECK_EVERY,
        gate=0.4,
    )
    return Curriculum(config, d=3, n=12, batch=64)


def steps_until_next_stage(curriculum: Curriculum, error: float) -> int:
    stage = curriculum.stage
    for step in range(1, 1000):
        curriculum.observe(torch.tensor(error))
        if curriculum.stage > stage:
            return step
    raise AssertionError("the stage never ended")


def test_a_gate_opens_at_the_first_check_after_the_least_steps() -> None:
    assert steps_until_next_stage(gated(), 0.39) == 2 * CHECK_EVERY


def test_a_gate_that_never_opens_is_passed_after_the_most_steps() -> None:
    assert steps_until_next_stage(gated(), 0.41) == 4 * CHECK_EVERY


def test_the_gate_looks_at_the_latest_errors_only() -> None:
    curriculum = gated()
    for _ in range(2 * CHECK_EVERY):
        curriculum.observe(torch.tensor(5.0))
    assert curriculum.stage == 0
    assert steps_until_next_stage(curriculum, 0.1) == CHECK_EVERY


def test_the_last_stage_has_every_point_and_never_ends() -> None:
    curriculum = gated()
    steps_until_next_stage(curriculum, 0.1)
    assert curriculum.size() == PromptSize(dims=2, points=7, batch=146)
    steps_until_next_stage(curriculum, 0.1)
    assert curriculum.size() == PromptSize(dims=3, points=12, batch=64)
    for _ in range(300):
        curriculum.observe(torch.tensor(0.0))
    assert curriculum.size() == PromptSize(dims=3, points=12, batch=64)


@pytest.mark.parametrize("cut", [0, 1, 24, 25, 49, 60])
def test_a_restored_curriculum_goes_on_as_if_never_stopped(cut: int) -> None:
    errors = torch.rand(200, generator=torch.Generator().manual_seed(4))
    whole, first = gated(), gated()
    for error in errors:
        whole.observe(error)
    for error in errors[:cut]:
        first.observe(error)
    second = gated()
    second.restore(first.state())
    for error in errors[cut:]:
        second.observe(error)
    assert second.state() == whole.state()
