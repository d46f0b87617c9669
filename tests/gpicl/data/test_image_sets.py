"""The embedded sets, the preprocessing's sizes and colours, and the features, each against numpy or a closed form."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from icltool.core.errors import InputError
from icltool.gpicl.data.classification_data import classification_data_like
from icltool.gpicl.data.config import PreprocessingConfig
from icltool.gpicl.data.dataset_files import read_dataset
from icltool.gpicl.data.image_features import fit_features
from icltool.gpicl.data.image_sets import ImageSet, ImageSplit, convert_images, load_image_set, load_image_set_like


def test_digits_are_scikit_learns_split_once_and_for_all() -> None:
    digits = load_image_set("digits")
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert digits.shape == (8, 8)
    assert digits.classes == 10
    table, targets = load_digits(return_X_y=True)
    original = {(tuple(row.round()), label) for row, label in zip(table, targets, strict=True)}
    for part in (digits.train, digits.test):
        assert part.images.dtype == torch.float32
        rows = (part.images * 16).round().numpy()
        assert all((tuple(row), int(label)) in original for row, label in zip(rows, part.labels, strict=True))
        # A stratum of the classes each: no class is missing or dominant.
        assert torch.bincount(part.labels).min() > len(part) * 0.06
    again = load_image_set("digits")
    assert torch.equal(again.test.images, digits.test.images)
    test_rows = {row.numpy().tobytes() for row in digits.test.images}
    assert not any(row.numpy().tobytes() in test_rows for row in digits.train.images)


def test_random_is_ten_fixed_points_of_a_class_each() -> None:
    random = load_image_set("random")
    assert random.train is random.test
    assert random.train.images.shape == (10, 64)
    assert float(random.train.images.min()) >= 0
    assert float(random.train.images.max()) <= 1
    assert sorted(random.train.labels.tolist()) == list(range(10))
    assert torch.equal(random.train.images, load_image_set("random").train.images)
    assert load_image_set_like("random", shape=(5, 7, 3)).train.images.shape == (10, 105)


def test_images_become_numbers_from_0_to_1_row_by_row() -> None:
    images = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)
    found = convert_images(images, size=(2, 3))
    np.testing.assert_allclose(found.numpy(), images.reshape(2, 18) / 255, rtol=1e-6)
    grey = convert_images(images, size=(2, 3), grey=True)
    np.testing.assert_allclose(grey.numpy(), (images / 255 @ [0.299, 0.587, 0.114]).reshape(2, 6), rtol=1e-5)


def test_resizing_keeps_a_flat_image_flat_and_an_even_reduction_close_to_the_mean() -> None:
    flat = convert_images(np.full((1, 28, 28, 1), 51, dtype=np.uint8), size=(15, 15))
    assert flat.shape == (1, 225)
    torch.testing.assert_close(flat, torch.full((1, 225), 0.2))
    # A step from black to white in the middle: left dark, right light, and the mean brightness kept.
    step = np.zeros((1, 16, 16, 1), dtype=np.uint8)
    step[:, :, 8:] = 255
    small = convert_images(step, size=(4, 4)).reshape(4, 4)
    assert float(small.mean()) == pytest.approx(0.5, abs=1e-3)
    assert float(small[:, 0].max()) < 0.1
    assert float(small[:, 3].min()) > 0.9


def test_a_set_is_brought_to_another_ones_shape() -> None:
    grey = load_image_set_like("digits", shape=(4, 4))
    assert grey.shape == (4, 4)
    assert grey.test.images.shape == (360, 16)
    colour = load_image_set_like("digits", shape=(8, 8, 3))
    assert colour.shape == (8, 8, 3)
    plain = load_image_set("digits").test.images
    assert torch.equal(colour.test.images.reshape(360, 64, 3), plain[:, :, None].expand(360, 64, 3))


def images(*, count: int = 300, pixels: int = 7) -> ImageSet:
    random = torch.Generator().manual_seed(0)
    mixing = torch.randn(pixels, pixels, generator=random)
    values = torch.rand(count, pixels, generator=random) @ mixing
    values[:, 3] = 0.25
    labels = torch.randint(10, (count,), generator=random)
    train = ImageSplit(images=values[:200], labels=labels[:200])
    test = ImageSplit(images=values[200:], labels=labels[200:])
    return ImageSet(name="made up", train=train, test=test, classes=10, shape=(1, pixels))


def test_pixels_are_standardised_by_the_training_split_and_a_constant_one_is_zero() -> None:
    given = images()
    fitted = fit_features(given, PreprocessingConfig(features="pixels"))
    train, test = given.train.images.double().numpy(), given.test.images.double().numpy()
    std = train.std(0)
    std[3] = np.inf
    np.testing.assert_allclose(fitted.apply(given.test).features.numpy(), (test - train.mean(0)) / std, atol=1e-5)
    assert float(fitted.apply(given.train).features[:, 3].abs().max()) == 0


@pytest.mark.parametrize("components", [3, 6, 9])
def test_components_are_scikit_learns_weighted_from_one_to_the_floor(components: int) -> None:
    given = images()
    fitted = fit_features(given, PreprocessingConfig(components=components, component_floor=0.2))
    found = fitted.apply(given.test).features
    assert found.shape == (100, components)
    # Six dimensions vary; a component beyond them is zero.
    kept = min(components, 6)
    judge = PCA(kept, whiten=True).fit(given.train.images.double().numpy())
    expected = judge.transform(given.test.images.double().numpy()) * (200 / 199) ** 0.5
    expected *= np.linspace(1, 0.2, min(components, 7))[:kept]
    np.testing.assert_allclose(np.abs(found[:, :kept].numpy()), np.abs(expected), rtol=2e-3, atol=2e-3)
    assert components <= 6 or float(found[:, 6:].abs().max()) == 0


def test_whole_digits_components_have_their_weight_as_std() -> None:
    digits = load_image_set("digits")
    features = fit_features(digits, PreprocessingConfig()).apply(digits.train).features
    std = features.std(0, correction=0)
    # Pixels at the margin never change, so there are fewer components than pixels.
    centred = digits.train.images.double() - digits.train.images.double().mean(0)
    rank = int(np.linalg.matrix_rank(centred.numpy()))
    torch.testing.assert_close(std[:rank], torch.linspace(1, 0.2, 64)[:rank], rtol=1e-3, atol=1e-3)
    assert float(std[rank:].max()) == 0


def test_a_set_that_does_not_fit_a_learner_is_refused() -> None:
    with pytest.raises(InputError, match="digits has 10 classes, the checkpoint was trained on 7"):
        classification_data_like("digits", PreprocessingConfig(), shape=(8, 8), inputs=64, classes=7, data_dir=None)
    with pytest.raises(InputError, match="digits has 64 features, the checkpoint was trained on 20"):
        classification_data_like(
            "digits", PreprocessingConfig(features="pixels"), shape=(8, 8), inputs=20, classes=10, data_dir=None
        )


FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_real_fashion_mnist() -> None:
    fashion = load_image_set("fashion-mnist", data_dir=str(FASHION), resize=8)
    assert fashion.train.images.shape == (60_000, 64)
    assert fashion.test.images.shape == (10_000, 64)
    # Every class has exactly a tenth of each split (Xiao et al. 2017).
    assert torch.bincount(fashion.train.labels).tolist() == [6000] * 10
    assert torch.bincount(fashion.test.labels).tolist() == [1000] * 10
    # Mean brightness of the training images, as everybody normalises by it: 0.2860.
    raw, _ = read_dataset("fashion-mnist", data_dir=str(FASHION))
    assert float(raw.images.mean()) / 255 == pytest.approx(0.2860, abs=1e-4)
    assert float(fashion.train.images.mean()) == pytest.approx(0.2860, abs=0.01)
