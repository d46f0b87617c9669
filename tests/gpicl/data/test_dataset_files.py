"""Readers of data set files, against files written here as the formats say; and everything that can be wrong."""

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from icltool.core.errors import InputError
from icltool.gpicl.data.cifar_files import read_cifar
from icltool.gpicl.data.dataset_files import read_dataset
from icltool.gpicl.data.idx_files import read_idx
from icltool.gpicl.data.image_sets import load_image_set
from icltool.gpicl.data.svhn_files import read_svhn

RANDOM = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_set(folder: Path, *, compress: bool) -> dict[str, np.ndarray]:
    """A whole small set in MNIST's four files."""
    arrays = {
        "train-images-idx3-ubyte": RANDOM.integers(0, 256, (20, 6, 5), dtype=np.uint8),
        "train-labels-idx1-ubyte": RANDOM.integers(0, 10, 20, dtype=np.uint8),
        "t10k-images-idx3-ubyte": RANDOM.integers(0, 256, (4, 6, 5), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": RANDOM.integers(0, 10, 4, dtype=np.uint8),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        content = idx(array)
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / name).write_bytes(content)
    return arrays


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("inside", ["", "kmnist"])
def test_idx_files_compressed_or_not_in_the_folder_or_one_of_the_sets_name(
    tmp_path: Path, *, compress: bool, inside: str
) -> None:
    arrays = idx_set(tmp_path / inside, compress=compress)
    found = load_image_set("kmnist", data_dir=str(tmp_path))
    assert found.shape == (6, 5)
    expected = arrays["train-images-idx3-ubyte"].reshape(20, 30) / 255
    np.testing.assert_allclose(found.train.images.numpy(), expected, rtol=1e-6)
    assert found.test.labels.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()


GOOD = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an IDX file of bytes"),
        (b"\x00\x00\x0d\x03" + GOOD[4:], "is not an IDX file of bytes"),
        (idx(np.zeros(5, dtype=np.uint8)), "has 1 dimensions, expected 3; are images and labels mixed up"),
        (GOOD[:9], "cut off in its header"),
        (GOOD[:-1], "should hold 24 bytes of data and holds only 23"),
        (GOOD + b"x", "should hold 24 bytes of data and holds more"),
        (struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "claims 4294967295 × .* bytes; 1 to"),
        (struct.pack(">HBB3I", 0, 8, 3, 0, 28, 28), "claims 0 × 28 × 28 bytes"),
        (gzip.compress(GOOD, mtime=0)[:-9], "damaged gzip file"),
        (gzip.compress(GOOD, mtime=0)[:20] + b"garbage", "damaged gzip file"),
    ],
)
def test_a_bad_idx_file_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "images"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_idx(file, dims=3)
    assert "\n" not in str(error.value)


def test_a_huge_claim_allocates_nothing(tmp_path: Path) -> None:
    """A hundred bytes that unpack to a gigabyte of zeros are refused by their header alone."""
    file = tmp_path / "images.gz"
    file.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 40_000, 28_000, 1) + b"\0" * 100))
    with pytest.raises(InputError, match="claims 40000 × 28000 × 1 bytes; 1 to 1000000000 are read"):
        read_idx(file, dims=3)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere is not a folder; give the one that holds the files of mnist"):
        load_image_set("mnist", data_dir=str(tmp_path / "nowhere"))
    idx_set(tmp_path, compress=True)
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(
        InputError, match=r"has no t10k-images-idx3-ubyte.gz \(nor t10k-images-idx3-ubyte\), which mnist"
    ):
        load_image_set("mnist", data_dir=str(tmp_path))


def test_labels_that_do_not_match_the_images_are_refused(tmp_path: Path) -> None:
    idx_set(tmp_path, compress=True)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(19, dtype=np.uint8)))
    with pytest.raises(InputError, match="has 20 images and its labels file 19 labels"):
        load_image_set("mnist", data_dir=str(tmp_path))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.full(20, 10, dtype=np.uint8)))
    with pytest.raises(InputError, match="a label of the training split is not one of 0 to 9"):
        load_image_set("mnist", data_dir=str(tmp_path))


def cifar_batches() -> dict[str, np.ndarray]:
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    batches = {name: RANDOM.integers(0, 256, (3, 3073), dtype=np.uint8) for name in names}
    for batch in batches.values():
        batch[:, 0] %= 10
    return batches


def write_cifar(folder: Path, batches: dict[str, np.ndarray], *, archive: bool) -> None:
    if not archive:
        (folder / "cifar-10-batches-bin").mkdir()
        for name, batch in batches.items():
            (folder / "cifar-10-batches-bin" / name).write_bytes(batch.tobytes())
        return
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as tar:
        for name, batch in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = batch.nbytes
            tar.addfile(member, io.BytesIO(batch.tobytes()))


@pytest.mark.parametrize("archive", [True, False])
def test_cifar_records_are_a_label_and_three_planes(tmp_path: Path, *, archive: bool) -> None:
    batches = cifar_batches()
    write_cifar(tmp_path, batches, archive=archive)
    train, test = read_dataset("cifar10", data_dir=str(tmp_path))
    assert train.images.shape == (15, 32, 32, 3)
    assert test.labels.tolist() == batches["test_batch.bin"][:, 0].tolist()
    # Green (plane 1), row 5, column 7 of the second image of the third batch.
    place = 1 + 1024 + 5 * 32 + 7
    assert train.images[2 * 3 + 1, 5, 7, 1] == batches["data_batch_3.bin"][1, place]
    assert load_image_set("cifar10", data_dir=str(tmp_path), resize=8, grey=True).shape == (8, 8)


def test_a_bad_cifar_archive_is_one_clear_line(tmp_path: Path) -> None:
    batches = cifar_batches()
    file = tmp_path / "cifar-10-binary.tar.gz"
    file.write_bytes(b"no archive")
    with pytest.raises(InputError, match="damaged archive"):
        read_cifar(file)
    write_cifar(tmp_path, {**batches, "data_batch_2.bin": batches["data_batch_2.bin"].reshape(-1)[:-1]}, archive=True)
    with pytest.raises(InputError, match=r"data_batch_2\.bin has 9218 bytes, no whole number of CIFAR-10's records"):
        read_cifar(file)
    del batches["test_batch.bin"]
    write_cifar(tmp_path, batches, archive=True)
    with pytest.raises(InputError, match=r"holds no test_batch.bin; it is not CIFAR-10's binary version"):
        read_cifar(file)


def test_svhn_has_images_last_and_ten_for_zero(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    for split in ("train", "test"):
        savemat(tmp_path / f"{split}_32x32.mat", {"X": images, "y": np.array([[10], [1], [9], [10]])})
    train, _ = read_dataset("svhn", data_dir=str(tmp_path))
    assert train.labels.tolist() == [0, 1, 9, 0]
    assert np.array_equal(train.images[2], images[..., 2])


def test_a_bad_svhn_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "train_32x32.mat"
    file.write_bytes(b"MATLAB 5.0 MAT-file, but no more")
    with pytest.raises(InputError, match=r"train_32x32.mat is not a MATLAB file that can be read"):
        read_svhn(file)
    savemat(file, {"X": np.zeros((32, 32, 3, 2), dtype=np.uint8)})
    with pytest.raises(InputError, match=r"cropped digits are X \[32, 32, 3, N\] and y"):
        read_svhn(file)
    savemat(file, {"X": np.zeros((32, 32, 3, 2), dtype=np.uint8), "y": np.zeros((3, 1))})
    with pytest.raises(InputError, match=r"has 2 images and labels of shape \(3, 1\)"):
        read_svhn(file)
    with pytest.raises(InputError, match="cannot read"):
        read_svhn(tmp_path / "missing.mat")
