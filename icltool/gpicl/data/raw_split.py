"""One split of a data set as its files hold it.

Legend: N images, r rows, c columns, h channels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, UInt8


@dataclass(frozen=True, kw_only=True)
class RawSplit:
    """Images as stored, and their labels."""

    images: UInt8[np.ndarray, "N r c h"]
    labels: Integer[np.ndarray, "N"]
