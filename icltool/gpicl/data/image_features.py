"""From images to the vectors that tasks project: standardised pixels, or standardised principal components.

    pixels:      x_j = (u_j - mean_j) / std_j
    components:  x_k = w_k · v_kᵀ(u - mean) / √λ_k

λ (falling) and v are the eigenvalues and eigenvectors of the covariance; w falls evenly from 1 to `component_floor`.

Statistics are those of the training split. A pixel that never changes, and a component without variance, is 0.

Legend: N images, p pixels, x features (inputs of a learner).
"""

from dataclasses import dataclass

import torch
from einops import einsum, repeat
from jaxtyping import Float, Int
from torch import Tensor

from icltool.gpicl.data.config import PreprocessingConfig
from icltool.gpicl.data.image_sets import ImageSet, ImageSplit

CHUNK = 4096
# A component whose variance is below this part of the first one's is rounding, not image.
NEGLIGIBLE = 1e-7


@dataclass(frozen=True, kw_only=True)
class FeatureSplit:
    """Feature vectors and their labels."""

    features: Float[Tensor, "N x"]
    labels: Int[Tensor, "N"]


@dataclass(frozen=True, kw_only=True)
class FeatureMap:
    """(u - mean) ⊙ scale for pixels; (u - mean) basis for components."""

    mean: Float[Tensor, "p"]
    scale: Float[Tensor, "p"] | None = None
    basis: Float[Tensor, "p x"] | None = None

    def apply(self, split: ImageSplit) -> FeatureSplit:
        """The features of a split, made in chunks so that memory beside them stays small."""
        parts = [self._map(images) for images in split.images.split(CHUNK)]
        return FeatureSplit(features=torch.cat(parts), labels=split.labels)

    def _map(self, images: Float[Tensor, "N p"]) -> Float[Tensor, "N x"]:
        centred = images - self.mean
        if self.basis is not None:
            return centred @ self.basis
        return centred if self.scale is None else centred * self.scale


def input_count(images: ImageSet, config: PreprocessingConfig) -> int:
    """N_x: how many features a learner of these images sees."""
    return config.components if config.features == "components" else images.pixels


def fit_features(images: ImageSet, config: PreprocessingConfig) -> FeatureMap:
    """The map fitted to a data set's training split."""
    train = images.train.images
    mean = train.double().mean(0)
    if config.features == "pixels":
        std = train.double().std(0, correction=0)
        scale = torch.where(std > 0, 1 / std, 0.0)
        return FeatureMap(mean=mean.float(), scale=scale.float())
    return FeatureMap(mean=mean.float(), basis=_component_basis(train, mean, config).float())


def _component_basis(
    train: Float[Tensor, "N p"], mean: Float[Tensor, "p"], config: PreprocessingConfig
) -> Float[Tensor, "p x"]:
    """Columns w_k v_k / √λ_k; zeros beyond the components that there are."""
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for chunk in train.split(CHUNK):
        centred = chunk.double() - mean
        covariance += einsum(centred, centred, "N p, N q -> p q")
    variances, directions = torch.linalg.eigh(covariance / len(train))
    variances, directions = variances.flip(0), directions.flip(1)
    kept = variances > NEGLIGIBLE * variances[0].clamp(min=torch.finfo(torch.float64).tiny)
    scale = torch.where(kept, variances.clamp(min=torch.finfo(torch.float64).tiny).rsqrt(), 0.0)
    # An eigenvector's sign is arbitrary; its largest entry is made positive, so that it does not hang on the library.
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    found = min(config.components, len(mean))
    weights = torch.linspace(1, config.component_floor, found, dtype=torch.float64)
    columns = (directions * largest.sign() * scale)[:, :found] * weights
    basis = repeat(torch.zeros(len(mean), dtype=torch.float64), "p -> p x", x=config.components).clone()
    basis[:, :found] = columns
    return basis
