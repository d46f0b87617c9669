"""`double-descent`: train the toy ReLU model on T samples and measure it on them and on fresh ones.

Normalisation: losses are the mean over samples of ‖x - x'‖² (the sum over the n features), over that of ‖x‖², which
is 1; predicting zero scores 1.

Legend: n features, m hidden dimensions, T samples.
Source: Henighan et al. 2023, "Superposition, Memorization, and Double Descent".
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from icltool.core.progress import OnStep, ignore_step
from icltool.core.result import Result, Row, Value
from icltool.core.run_folder import Measured, RunFolder
from icltool.core.runtime import environment, prepare, restored_process
from icltool.core.seeding import generator
from icltool.core.study import RunRequest
from icltool.networks.model_file import write_model
from icltool.superposition.data.sparse_features import (
    SparseSamples,
    draw_report_samples,
    draw_samples,
    nan_columns,
    stream_samples,
)
from icltool.superposition.engine.engine import ToyReLUEngine
from icltool.superposition.engine.optimiser import WarmupCosine
from icltool.superposition.measures import dimensionality, geometry, normalised_loss
from icltool.superposition.model import ToyReLU
from icltool.superposition.studies.double_descent import DOUBLE_DESCENT, TRAJECTORY
from icltool.superposition.studies.double_descent.config import DoubleDescentConfig
from icltool.superposition.studies.double_descent.cost import require_memory
from icltool.superposition.studies.double_descent.learner import ToyReLULearner, Trajectory
from icltool.training.trained_study import trained_study

KIND = "toy-relu"
FINAL, FEATURE, SAMPLE = "final", "feature", "sample"
# Vectors of either sort that a result keeps.
MOST_VECTORS = 300


@restored_process()
def run(config: DoubleDescentConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Train, or go on training, and measure; a finished run of the same settings is returned at once.

    Records: `measure` final (one row: losses, mean dimensionalities, norms, singular values), feature (the longest
    columns of W) and sample (the first training samples' h = W x): index, dimensionality, length and, for m = 2, x
    and y. The variant report also has `nan_columns`, the features active in no sample. `trajectory.safetensors` holds
    the same vectors at `frames` steps of training. Raises `UsageError` when the data cannot fit in memory, else what
    `trained_study` raises.
    """
    config = config.resolved()
    require_memory(config)
    return trained_study(
        DOUBLE_DESCENT,
        config,
        slug=config.slug,
        request=request,
        pace=config.pace(config.steps),
        begin=lambda: nullcontext(_Training(config)),
        on_step=on_step,
    )


class _Training:
    """One run: its data, its initialisations in training, the best of them."""

    def __init__(self, config: DoubleDescentConfig) -> None:
        self.config = config
        self.runtime = prepare(config)
        self.samples = training_samples(config).to(self.runtime.device)
        models = [self._new_model(index) for index in range(config.initialisations)]
        settings = WarmupCosine(
            steps=config.steps, peak=config.lr, warmup=config.warmup, weight_decay=config.weight_decay
        )
        self.model = models[0]
        engine = ToyReLUEngine([self.samples] * len(models), models, settings=settings)
        trajectory = Trajectory(frames=config.frames, steps=config.steps, like=engine.parameters)
        self.learner = ToyReLULearner(engine, trajectory)

    def _new_model(self, index: int) -> ToyReLU:
        config = self.config
        weights = generator(config.seed, "weights", index)
        # Drawn in float32 always, so that float64 trains from the same weights.
        model = ToyReLU(m=config.m, n=config.n, generator=weights)
        return model.to(self.runtime.device, number_type(config))

    def _take_best(self) -> Float[Tensor, "T m"]:
        """Put the best initialisation in `model` and return its hidden vectors."""
        best = self.learner.best()
        self.learner.engine.write_to(self.model, run=best)
        return self.learner.engine.hidden(best)

    def evaluate(self, _step: int) -> Mapping[str, float]:
        """Losses on the training samples and on fresh ones, and the geometry of the weights."""
        hidden = self._take_best()
        return {
            "train_loss": normalised_loss(self.model, [self.samples]),
            "test_loss": normalised_loss(self.model, self._to_device(test_samples(self.config))),
            **geometry(self.model.W.detach(), self.model.b.detach(), hidden),
        }

    def _to_device(self, chunks: Iterable[SparseSamples]) -> Iterator[SparseSamples]:
        return (chunk.to(self.runtime.device) for chunk in chunks)

    def save_model(self, path: Path, *, step: int, metrics: Mapping[str, Value]) -> None:
        """The best initialisation."""
        self._take_best()
        write_model(
            path,
            self.model,
            kind=KIND,
            architecture={"m": self.config.m, "n": self.config.n},
            study=DOUBLE_DESCENT.name,
            config=self.config,
            step=step,
            metrics=metrics,
        )

    def measure(self, folder: RunFolder) -> Measured:
        """Losses, geometry and vectors at the end; the snapshots of the planes as a file of their own."""
        config = self.config
        final = self.evaluate(config.steps)
        hidden = self._take_best()
        place: Row = {"T": config.T, "m": config.m, "seed": config.seed}
        lengths = torch.linalg.vector_norm(self.model.W.detach(), dim=0)
        longest = lengths.argsort(descending=True, stable=True)[:MOST_VECTORS]
        shown = min(config.T, MOST_VECTORS)
        vectors = [
            *_vector_rows(FEATURE, self.model.W.detach(), kept=longest),
            *_vector_rows(SAMPLE, hidden.mT, kept=torch.arange(shown)),
        ]
        self.learner.trajectory.write(
            folder.path / TRAJECTORY,
            run=self.learner.best(),
            features=longest,
            samples=self.samples.take(0, shown),
        )
        nan = {"nan_columns": nan_columns(self.samples)} if config.variant == "report" else {}
        return Measured(
            label=config.label,
            summary={
                **{name: final[name] for name in ("test_loss", "train_loss", "sample_dimensionality", "W_norm")},
                "b_norm": final["b_norm"],
                "samples": config.T,
                "nonzeros": self.samples.values.numel(),
                **nan,
            },
            records=[{"measure": FINAL, **place, **final, **nan}, *({**row, **place} for row in vectors)],
            environment=environment(self.runtime),
        )


def _vector_rows(measure: str, vectors: Float[Tensor, "m N"], *, kept: Tensor) -> list[Row]:
    """A row for each kept column, six digits each; dimensionality is among all N."""
    vectors = vectors.double().cpu()
    kept = kept.cpu()
    shared = dimensionality(vectors)[kept].tolist()
    lengths = torch.linalg.vector_norm(vectors, dim=0)[kept].tolist()
    planar = vectors[:, kept].mT.tolist() if len(vectors) == 2 else [[]] * len(shared)
    return [
        {
            "measure": measure,
            "index": index,
            "dimensionality": _short(own),
            "length": _short(length),
            **dict(zip(("x", "y"), map(_short, xy), strict=False)),
        }
        for index, own, length, xy in zip(kept.tolist(), shared, lengths, planar, strict=True)
    ]


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def training_samples(config: DoubleDescentConfig) -> SparseSamples:
    """The T samples of the run's seed."""
    draw = draw_report_samples if config.variant == "report" else draw_samples
    return draw(
        config.T,
        n=config.n,
        sparsity=config.sparsity,
        generator=generator(config.seed, "samples"),
        dtype=number_type(config),
    )


def test_samples(config: DoubleDescentConfig) -> Iterator[SparseSamples]:
    """The fresh samples of the test loss, in chunks; the same at every call, and for every T and seed."""
    random = generator(config.eval_seed, "test-samples")
    n, sparsity, dtype = config.n, config.sparsity, number_type(config)
    if config.variant == "report":
        # Its lengths are over all the samples, so they cannot come in chunks.
        yield draw_report_samples(config.test_samples, n=n, sparsity=sparsity, generator=random, dtype=dtype)
    else:
        yield from stream_samples(config.test_samples, n=n, sparsity=sparsity, generator=random, dtype=dtype)


def number_type(config: DoubleDescentConfig) -> torch.dtype:
    """What the run computes in."""
    return torch.float64 if config.float64 else torch.float32
