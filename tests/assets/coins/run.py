"""`coins`: the share of heads."""

import random

from icltool.core.progress import OnStep, StepProgress, ignore_step
from icltool.core.result import Result
from icltool.core.run_folder import Measured, RunFolder, measured_once
from icltool.core.study import RunRequest
from tests.assets.coins import COINS
from tests.assets.coins.config import CoinsConfig


def run(config: CoinsConfig, *, request: RunRequest | None = None, on_step: OnStep = ignore_step) -> Result:
    """Toss, and count the heads; a single toss is written down."""

    def measure(folder: RunFolder) -> Measured:
        coin = random.Random(config.seed)
        heads = sum(coin.random() < 0.5 for _ in range(config.tosses)) / config.tosses
        values = {"tails": 1 - heads, "heads": heads}
        on_step(StepProgress(step=config.tosses, steps=config.tosses, phase="tossing", values=values))
        if config.tosses == 1:
            (folder.path / "coins.txt").write_text("heads\n" if heads else "tails\n")
        return Measured(
            label=f"{config.tosses} coins",
            summary={"tosses": config.tosses, "heads": heads},
            records=[{"measure": "heads", "tosses": config.tosses, "mean": heads, "low": heads, "high": heads}],
            environment={},
        )

    return measured_once(COINS, config, slug="coins", request=request, measure=measure)
