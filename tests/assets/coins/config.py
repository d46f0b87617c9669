"""Settings of `coins`."""

from icltool.core.config import setting
from icltool.core.runtime_config import SeedConfig


class CoinsConfig(SeedConfig):
    """Toss coins."""

    tosses: int = setting(10, "Coins to toss.", group="Coins", ge=1)
