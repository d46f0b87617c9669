"""The five function classes against brute force and their own statistics."""

from typing import get_args

import numpy as np
import pytest
import torch

from icltool.core.seeding import generator
from icltool.regression.data.config import FunctionClass
from icltool.regression.data.function_classes import (
    SAMPLERS,
    error_scale,
    sample_functions,
    sample_inputs,
    sample_prompts,
)

TASKS: tuple[FunctionClass, ...] = get_args(FunctionClass)


def test_every_class_has_a_sampler() -> None:
    assert set(SAMPLERS) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_zero_scores_one(task: FunctionClass) -> None:
    prompts = sample_prompts(task, generator(0, task), batch=4000, n=20, d=10)
    assert float(prompts.ys.square().mean()) / error_scale(task, d=10) == pytest.approx(1.0, rel=0.05)
    assert float(prompts.xs.mean()) == pytest.approx(0, abs=0.01)
    assert float(prompts.xs.std()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("dims", [1, 2, 5])
def test_truncation_leaves_the_other_coordinates_zero(task: FunctionClass, dims: int) -> None:
    prompts = sample_prompts(task, generator(0, task), batch=50, n=7, d=5, dims=dims)
    assert bool((prompts.xs[..., dims:] == 0).all())
    assert bool((prompts.xs[..., :dims] != 0).all())
    if prompts.weights is not None:
        assert bool((prompts.weights[..., dims:] == 0).all())
    assert float(prompts.ys.std()) > 0


@pytest.mark.parametrize("task", TASKS)
def test_the_same_generator_gives_the_same_prompts(task: FunctionClass) -> None:
    first, again, other = (sample_prompts(task, generator(seed, "x"), batch=3, n=4, d=5) for seed in (1, 1, 2))
    assert torch.equal(first.xs, again.xs)
    assert torch.equal(first.ys, again.ys)
    assert not torch.equal(first.ys, other.ys)


def test_linear_targets_are_the_products() -> None:
    prompts = sample_prompts("linear-regression", generator(0, "x"), batch=3, n=4, d=5)
    assert prompts.weights is not None
    for b in range(3):
        for i in range(4):
            expected = float(np.dot(prompts.weights[b].numpy(), prompts.xs[b, i].numpy()))
            assert float(prompts.ys[b, i]) == pytest.approx(expected, abs=1e-5)


def test_noise_has_a_tenth_of_a_standard_deviation() -> None:
    prompts = sample_prompts("noisy-linear-regression", generator(0, "x"), batch=2000, n=20, d=5)
    assert prompts.weights is not None
    noise = prompts.ys - (prompts.xs * prompts.weights[:, None]).sum(-1)
    assert float(noise.std()) == pytest.approx(0.1, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize(("dims", "kept"), [(20, 3), (3, 3), (2, 2), (1, 1)])
def test_sparse_weights_keep_three_coordinates_of_those_in_use(dims: int, kept: int) -> None:
    prompts = sample_prompts("sparse-linear-regression", generator(0, "x"), batch=3000, n=2, d=20, dims=dims)
    weights = prompts.weights
    assert weights is not None
    assert bool(((weights != 0).sum(-1) == kept).all())
    frequency = (weights[:, :dims] != 0).float().mean(0)
    assert bool(((frequency - kept / dims).abs() < 0.03).all()), "every coordinate is chosen equally often"
    assert torch.allclose(prompts.ys, (prompts.xs * weights[:, None]).sum(-1), atol=1e-5)


def test_the_relu_network_is_the_formula() -> None:
    xs = sample_inputs(generator(5, "x"), batch=2, n=3, d=4, dims=4)
    prompts = sample_functions("relu-2nn", generator(6, "f"), xs)
    same = generator(6, "f")
    first = torch.randn(2, 100, 4, generator=same).double().numpy()
    second = torch.randn(2, 100, generator=same).double().numpy()
    for b in range(2):
        for i in range(3):
            hidden = np.maximum(first[b] @ xs[b, i].double().numpy(), 0)
            assert float(prompts.ys[b, i]) == pytest.approx(np.sqrt(2 / 100) * second[b] @ hidden, abs=1e-4)


def test_the_tree_is_walked_node_by_node() -> None:
    """Four levels: 15 nodes that look at a coordinate each, and 16 leaves."""
    xs = sample_inputs(generator(5, "x"), batch=40, n=6, d=4, dims=3)
    prompts = sample_functions("decision-tree", generator(6, "f"), xs, dims=3)
    same = generator(6, "f")
    coordinates = torch.randint(3, (40, 15), generator=same)
    leaves = torch.randn(40, 16, generator=same)
    for b in range(40):
        for i in range(6):
            node = 0
            while node < 15:
                positive = float(xs[b, i, int(coordinates[b, node])]) > 0
                node = 2 * node + (2 if positive else 1)
            assert prompts.ys[b, i] == leaves[b, node - 15]
