"""What a look at the tasks costs: seconds at most, so nothing is estimated."""

from icltool.core.config import Config
from icltool.core.study import Cost
from icltool.gpicl.studies.augment.config import GpiclAugmentConfig


def cost(_config: GpiclAugmentConfig, _model: Config | None) -> Cost:
    """Open: the statistics of a thousand tasks are not worth an estimate."""
    return Cost()
