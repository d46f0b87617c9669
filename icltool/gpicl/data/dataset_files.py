"""The data sets that come as files: which files, where they are fetched, and how they are read.

The files are looked for in `--data-dir` (under their own names, compressed or not), else in the cache folder, where
they are downloaded once. Checksums are of the publishers' files.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from icltool.core.errors import InputError
from icltool.gpicl.data.cifar_files import read_cifar
from icltool.gpicl.data.download import RemoteFile, fetch
from icltool.gpicl.data.idx_files import RawSplit, read_idx
from icltool.gpicl.data.svhn_files import read_svhn

FileDataset = Literal["mnist", "fashion-mnist", "kmnist", "cifar10", "svhn"]


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """A data set's files (publisher's name → MD5), the mirrors that serve them, and its format."""

    files: dict[str, str]
    mirrors: tuple[str, ...]
    read: Callable[[dict[str, Path]], tuple[RawSplit, RawSplit]]


def read_dataset(name: FileDataset, *, data_dir: str | None) -> tuple[RawSplit, RawSplit]:
    """Training and test split; raises `InputError` when a file is missing, malformed or cannot be fetched."""
    described = FILE_SETS[name]
    if data_dir is not None:
        return described.read({file: _in_folder(Path(data_dir), file, name) for file in described.files})
    cache = user_cache_path("icltool") / "datasets" / name
    found = {
        file: fetch(RemoteFile(name=file, checksum=f"md5:{md5}"), mirrors=described.mirrors, folder=cache)
        for file, md5 in described.files.items()
    }
    return described.read(found)


def _in_folder(folder: Path, file: str, name: str) -> Path:
    """The file in a folder (or in its subfolder of the set's name), or what it unpacks to: the name without .gz."""
    folder = folder / name if (folder / name).is_dir() else folder
    if not folder.is_dir():
        raise InputError(f"--data-dir {folder} is not a folder; give the one that holds the files of {name}")
    unpacked = {"cifar-10-binary.tar.gz": "cifar-10-batches-bin"}.get(file, file.removesuffix(".gz"))
    for candidate in (file, unpacked):
        if (folder / candidate).exists():
            return folder / candidate
    raise InputError(f"{folder} has no {file} (nor {unpacked}), which {name} needs; leave --data-dir out to fetch it")


def _read_idx_set(files: dict[str, Path]) -> tuple[RawSplit, RawSplit]:
    return _idx_split(files, "train"), _idx_split(files, "t10k")


def _idx_split(files: dict[str, Path], prefix: str) -> RawSplit:
    images_file, labels_file = files[f"{prefix}-images-idx3-ubyte.gz"], files[f"{prefix}-labels-idx1-ubyte.gz"]
    images, labels = read_idx(images_file, dims=3), read_idx(labels_file, dims=1)
    _require_pairs(images_file, len(images), len(labels))
    return RawSplit(images=images[..., None], labels=labels)


def _read_cifar_set(files: dict[str, Path]) -> tuple[RawSplit, RawSplit]:
    return read_cifar(files["cifar-10-binary.tar.gz"])


def _read_svhn_set(files: dict[str, Path]) -> tuple[RawSplit, RawSplit]:
    return read_svhn(files["train_32x32.mat"]), read_svhn(files["test_32x32.mat"])


def _require_pairs(file: Path, images: int, labels: int) -> None:
    if images != labels:
        raise InputError(f"{file} has {images} images and its labels file {labels} labels; fetch the data set again")


def _idx_names(*checksums: str) -> dict[str, str]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{name}-ubyte.gz": checksum for name, checksum in zip(names, checksums, strict=True)}


FILE_SETS: dict[FileDataset, FileSet] = {
    "mnist": FileSet(
        files=_idx_names(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        read=_read_idx_set,
    ),
    "fashion-mnist": FileSet(
        files=_idx_names(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        mirrors=(
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        read=_read_idx_set,
    ),
    "kmnist": FileSet(
        files=_idx_names(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
        mirrors=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        read=_read_idx_set,
    ),
    "cifar10": FileSet(
        files={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        mirrors=("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"),
        read=_read_cifar_set,
    ),
    "svhn": FileSet(
        files={
            "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
            "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
        },
        mirrors=("https://ufldl.stanford.edu/housenumbers/",),
        read=_read_svhn_set,
    ),
}
