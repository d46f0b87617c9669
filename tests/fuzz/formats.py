"""The formats that icltool reads from outside: how each is read, and hostile contents for it."""

import gzip
import io
import json
import random
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import tomli_w
import torch
from hypothesis import strategies as st
from scipy.io import savemat

from icltool.core.metrics_log import drop_rows_after, read_rows
from icltool.core.result import load_result
from icltool.core.run_folder import settings_from
from icltool.core.seeding import generator
from icltool.core.tensor_files import packed, read_tensor_file
from icltool.core.tensor_header import METADATA_KEY
from icltool.gpicl.data.cifar_files import RECORD, TEST, TRAIN, read_cifar
from icltool.gpicl.data.config import PreprocessingConfig
from icltool.gpicl.data.idx_files import read_idx
from icltool.gpicl.data.svhn_files import read_svhn
from icltool.gpicl.learners.all_learners import new_learner
from icltool.gpicl.learners.checkpoint import GPICL_KIND, load_gpicl_checkpoint
from icltool.gpicl.learners.config import GpiclModelConfig
from icltool.regression.data.user_prompts import read_user_prompts
from icltool.regression.models.checkpoint import REGRESSION_KIND, load_checkpoint, model_settings, new_model
from icltool.regression.models.config import RegressionModelConfig
from icltool.regression.models.official_checkpoint import official_model, read_official_file
from icltool.regression.studies.train.config import TrainConfig
from icltool.report.inspection import describe
from icltool.report.markdown import to_html
from icltool.sweep.plan import plan_sweep
from icltool.sweep.recipe import read_recipe
from icltool.sweep.record import read_reference
from tests.fuzz.hostile import changed_bytes, changed_json, contents
from tests.reference.official_gpt2 import OfficialModel


@dataclass(frozen=True)
class Format:
    """A file's name, what reads it, a content that it must read, and hostile ones, of which it `refuses` some."""

    file: str
    read: Callable[[Path], object]
    good: bytes
    inputs: st.SearchStrategy[bytes]
    refuses: bool = True


def _json(table: Any) -> bytes:
    return json.dumps(table).encode()


RESULT: dict[str, Any] = {
    "schema": 1, "kind": "train", "label": "looped", "config": {"L": 1, "task": "linear-regression"}, "inputs": {},
    "environment": {"torch": "2"}, "summary": {"held_out_error": 0.1}, "records": [{"measure": "m", "mean": 1.0}] * 3,
}  # fmt: skip
ROWS = [{"step": step, "loss": 0.5, "lr": None} for step in range(1, 8)]
RECIPE: dict[str, Any] = {
    "claim": "1a",
    "title": "A test",
    "estimate": {"cpu": "1 h"},
    "stage": [
        {
            "name": "train", "study": "train", "preset": "fast", "settings": {"d": 2, "threads": 1},
            "grid": {"seed": [0, 1], "L": [1, 2]}, "zip": {"b": [1, 2], "T": [1, 2]},
            "scale": {"smoke": {"settings": {"steps": 2}, "grid": {"seed": [0]}}},
        },
        {"name": "measure", "study": "eval", "checkpoints": "train", "settings": {"loops": 2}},
    ],
}  # fmt: skip

REFERENCE: dict[str, Any] = {
    "schema": 1, "recipe": "r", "claim": "1a",
    "scales": {
        "cpu": {
            "tolerance": {"relative": 0.1, "absolute": 1e-6, "bands": 1.0}, "exceptions": {"e": {"absolute": 2.0}},
            "machine": {"seconds": 1.5, "processor": "p"},
            "figures": [{"stage": "s", "settings": {"b": 2}, "runs": 3, "measures": {"e": [0.1, 0.0, 0.2]}}],
        },
    },
}  # fmt: skip
SETTINGS: dict[str, Any] = {"study": "train", "L": 1, "b": 2, "lr": 1e-3, "curriculum": "gated", "inputs": {}}
PAGE = b"""# A *title*
<script>alert(1)</script> <img src=x onerror=alert(1)>

| a | b |
|---|---|
| [one](javascript:alert(1)) | [two](data:text/html,x) |

![three](../../../etc/passwd) ![four](figure.svg) <https://example.org>

- > 1. `five` **six** [seven]

[seven]: <javascript:alert(1)> "eight"
"""


def _toml(table: Any) -> bytes:
    try:
        return tomli_w.dumps(table).encode()
    except (TypeError, ValueError, AttributeError, RecursionError):
        # What TOML cannot say is said as JSON, which is not TOML.
        return _json(table)


Content = tuple[dict[str, torch.Tensor], dict[str, Any]]


def _checkpoint() -> Content:
    config = RegressionModelConfig.model_validate({"L": 1, "b": 2, "d": 2, "n": 3, "width": 4, "heads": 1})
    architecture = {**model_settings(config), "kind": REGRESSION_KIND}
    header = {
        "study": "train",
        "config": {"task": "linear-regression"},
        "model": architecture,
        "step": 3,
        "metrics": {},
    }
    return new_model(config, generator(0, "weights")).state_dict(), header


def _learner() -> Content:
    settings = GpiclModelConfig.model_validate({"learner": "lstm", "width": 4})
    header = {
        "study": "gpicl-train",
        "config": {},
        "model": {**settings.model_dump(mode="json"), "inputs": 4, "classes": 2, "kind": GPICL_KIND},
        "preprocessing": {**PreprocessingConfig().model_dump(mode="json"), "images": [2, 2]},
        "step": 3,
        "metrics": {},
    }
    return new_learner(settings, inputs=4, classes=2).state_dict(), header


def _safetensors(chance: random.Random) -> bytes:
    """A checkpoint whose header, or whose table of tensors, has been changed."""
    tensors, header = chance.choice(MODELS)
    if chance.random() < 0.6:
        text = (
            json.dumps({**header, "format": 1})
            if chance.random() < 0.1
            else json.dumps(changed_json({**header, "format": 1}, chance))
        )
        return safetensors.torch.save(tensors, metadata={METADATA_KEY: text})
    content = packed(tensors, header)
    length = int.from_bytes(content[:8], "little")
    table = _json(changed_json(json.loads(content[8 : 8 + length]), chance))
    return len(table).to_bytes(8, "little") + table + content[8 + length :]


MODELS = [_checkpoint(), _learner()]


def _prompts(chance: random.Random) -> bytes:
    shapes = [(chance.randint(0, 3), chance.randint(0, 3), chance.randint(0, 3)), (chance.randint(0, 3), 2)]
    kinds = [torch.float32, torch.float16, torch.int64, torch.bool, torch.complex64, torch.float64]
    return packed({"xs": torch.ones(shapes[0], dtype=chance.choice(kinds)), "ys": torch.ones(shapes[1])}, {})


def _idx(shape: tuple[int, ...]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return b"\0\0\x08" + bytes([len(shape)]) + sizes + bytes(range(int(np.prod(shape))))


def _tar(chance: random.Random | None = None) -> bytes:
    """CIFAR's archive with one record a batch, perhaps with odd names, sizes and kinds of members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if chance and chance.random() < 0.5 else "w") as archive:
        for name in [*TRAIN, *TEST]:
            member = tarfile.TarInfo(f"../../{name}" if chance and chance.random() < 0.1 else f"batches/{name}")
            content = bytes(RECORD)
            if chance and chance.random() < 0.1:
                content = content[: chance.randrange(RECORD)]
            if chance and chance.random() < 0.1:
                member.type, member.linkname = chance.choice([tarfile.SYMTYPE, tarfile.LNKTYPE]), "/etc/passwd"
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = stream.getvalue()
    return changed_bytes(content, chance) if chance and chance.random() < 0.5 else content


def _mat(*, compressed: bool) -> bytes:
    stream = io.BytesIO()
    images = np.zeros((32, 32, 3, 2), np.uint8)
    savemat(stream, {"X": images, "y": np.array([[1], [10]], np.uint8)}, do_compression=compressed)
    return stream.getvalue()


def _official(**save: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(
        OfficialModel("in-context-learning", d=2, width=4, heads=1, layers=1, positions=6).state_dict(), stream, **save
    )
    return stream.getvalue()


CSV = b"x1,x2,y\n1,2,3\n4,5.5,6\n-1e3,7,\n"


DEEP = 100_000 * b"["
DIGITS = 5000 * b"9"
NUMBERS = list(range(1, 160))


def _grid(*axes: str) -> bytes:
    """A recipe that makes every number of each axis with every number of the others."""
    return _toml({**RECIPE, "stage": [{"name": "s", "study": "train", "grid": dict.fromkeys(axes, NUMBERS)}]})


def _read_recipe(path: Path) -> object:
    name, recipe = read_recipe(path)
    plan = plan_sweep(name, recipe, scale="smoke", folder=Path("sweep"), where=str(path))
    for run in plan.runs:
        assert run.folder.resolve().is_relative_to(Path("sweep").resolve()), "a run outside the sweep's folder"
    return plan


def _read_page(path: Path) -> object:
    html = to_html(path).lower()
    assert not re.search(
        r"<(?!/?(h[3-6]|p|em|strong|code|pre|ul|ol|li|blockquote|table|t[rhdb]|thead|a|img|br|hr))", html
    )
    assert not re.search(r"""<[^>]*(href|src)="(?!https?://|data:image/)""", html)
    return html


def _read_settings(path: Path) -> object:
    return TrainConfig.create(settings_from(path, study="train"), where=str(path))


def _read_rows(path: Path) -> object:
    drop_rows_after(path, 3)
    return read_rows(path)


def _read_official(path: Path) -> object:
    return official_model(read_official_file(path), heads=1)


_CHECKPOINT, _LEARNER = (packed(*model) for model in MODELS)
_CHECKPOINTS = contents([_CHECKPOINT, _LEARNER], _safetensors)
_PROMPTS = packed({"xs": torch.ones(1, 3, 2), "ys": torch.ones(1, 3)}, {})
FORMATS = {
    "checkpoint": Format("model.safetensors", load_checkpoint, _CHECKPOINT, _CHECKPOINTS),
    "learner": Format("model.safetensors", load_gpicl_checkpoint, _LEARNER, _CHECKPOINTS),
    "tensor file": Format("model.safetensors", read_tensor_file, _CHECKPOINT, _CHECKPOINTS),
    "inspected": Format("model.safetensors", describe, _CHECKPOINT, _CHECKPOINTS),
    "prompts": Format(
        "data.safetensors",
        read_user_prompts,
        _PROMPTS,
        contents([_CHECKPOINT, _LEARNER, _PROMPTS], _prompts),
    ),
    "result.json": Format(
        "result.json",
        load_result,
        _json(RESULT),
        contents([_json(RESULT), DEEP, DIGITS], lambda chance: _json(changed_json(RESULT, chance))),
    ),
    # Lines that are not rows are left out, and nothing is refused.
    "metrics.jsonl": Format(
        "metrics.jsonl",
        _read_rows,
        b"\n".join(map(_json, ROWS)),
        contents(
            [b"\n".join(map(_json, ROWS)), DEEP, b'{"step": ' + DIGITS + b"}"],
            lambda chance: b"\n".join(_json(changed_json(row, chance)) for row in ROWS),
        ),
        refuses=False,
    ),
    "recipe.toml": Format(
        "recipe.toml",
        _read_recipe,
        _toml(RECIPE),
        contents(
            [_toml(RECIPE), b"a = " + DEEP, b"a = " + DIGITS, _grid("seed", "L"), _grid("seed", "L", "b", "T", "d")],
            lambda chance: _toml(changed_json(RECIPE, chance)),
        ),
    ),
    "config.toml": Format(
        "config.toml",
        _read_settings,
        _toml(SETTINGS),
        contents([_toml(SETTINGS), b"a = " + DEEP], lambda chance: _toml(changed_json(SETTINGS, chance))),
    ),
    "reference.json": Format(
        "reference.json",
        read_reference,
        _json(REFERENCE),
        contents([_json(REFERENCE), DEEP, DIGITS], lambda chance: _json(changed_json(REFERENCE, chance))),
    ),
    "README.md": Format(
        "README.md",
        _read_page,
        PAGE,
        contents([PAGE, DEEP[:3000]], lambda chance: changed_bytes(PAGE, chance).decode(errors="replace").encode()),
    ),
    "CSV": Format(
        "data.csv",
        read_user_prompts,
        CSV,
        contents([CSV, b"x,y\n1," + DIGITS, b"x,y\n" + b"1" * 200_000 + b",2", b'"' * 50_001]),
    ),
    "IDX": Format(
        "images",
        lambda path: read_idx(path, dims=3),
        _idx((2, 3, 4)),
        contents(
            [_idx((2, 3, 4)), gzip.compress(_idx((2, 3, 4)))],
            lambda chance: gzip.compress(changed_bytes(_idx((2, 3, 4)), chance)),
        ),
    ),
    "CIFAR-10": Format("cifar.tar.gz", read_cifar, _tar(), contents([_tar()], _tar)),
    ".mat": Format(
        "digits.mat", read_svhn, _mat(compressed=True), contents([_mat(compressed=False), _mat(compressed=True)])
    ),
    "official .pt": Format(
        "state.pt",
        _read_official,
        _official(),
        contents([_official(), _official(_use_new_zipfile_serialization=False)]),
    ),
}  # fmt: skip


def bombs() -> dict[str, bytes]:
    """For each format that packs: little that unpacks, or claims to unpack, to more than a machine has."""
    huge = 2 * 10**9
    zeros = gzip.compress(bytes(2 * 10**7))
    packed_archive = io.BytesIO()
    with zipfile.ZipFile(packed_archive, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("archive/data.pkl", "archive/version", "archive/data/0"):
            archive.writestr(name, bytes(10**7))
    shape = b"".join(size.to_bytes(4, "big") for size in (huge, 1, 1))
    two, many = (2).to_bytes(4, "little"), (999_999).to_bytes(4, "little")
    matrix = _mat(compressed=False)
    for ending in (b"\1\0\1\0X", b"\1\0\0\0\1\0\1\0y"):
        assert two + ending in matrix, "the file's layout is another"
        matrix = matrix.replace(two + ending, many + ending)
    return {
        "IDX": gzip.compress(b"\0\0\x08\x03" + shape),
        "CIFAR-10": zeros,
        "official .pt": packed_archive.getvalue(),
        ".mat": matrix,
    }
