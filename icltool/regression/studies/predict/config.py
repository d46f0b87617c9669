"""Settings of `icltool predict`."""

from icltool.core.config import setting
from icltool.core.runtime_config import RuntimeConfig


class PredictConfig(RuntimeConfig):
    """Apply a trained model to your own data."""

    checkpoint: str = setting(..., "model.safetensors or its run folder.", argument=True)
    data: str = setting(
        ..., "Prompts: .safetensors with xs [B, n, d] and ys [B, n], or one prompt as a .csv.", argument=True
    )
    loops: int | None = setting(None, "Loops to run; unset: as in training.", ge=1, le=100_000)
