"""What tosses cost."""

from icltool.core.config import Config
from icltool.core.study import Cost
from tests.assets.coins.config import CoinsConfig


def cost(config: CoinsConfig, _model: Config | None) -> Cost:
    """A TFLOP and some ten seconds a coin."""
    return Cost(flops=config.tosses * 1e12, seconds=config.tosses * 11.0)
