"""Raw bytes of images to float vectors: grey, another size, in bounded memory.

Legend: N images, r rows, c columns, h channels, p = r·c·h numbers of an image.
"""

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

CHUNK = 2048
# ITU-R BT.601: how bright red, green and blue look.
LUMA = (0.299, 0.587, 0.114)


def convert_images(
    images: UInt8[np.ndarray, "N r c h"], *, size: tuple[int, int], grey: bool = False
) -> Float[Tensor, "N p"]:
    """Images as float32 in [0, 1], flattened as (rows, columns, channels).

    Another size is reached by bilinear interpolation with antialiasing; grey is BT.601 luma.
    """
    parts = [_convert(images[start : start + CHUNK], size=size, grey=grey) for start in range(0, len(images), CHUNK)]
    return torch.cat(parts)


def _convert(images: UInt8[np.ndarray, "N r c h"], *, size: tuple[int, int], grey: bool) -> Float[Tensor, "N p"]:
    # Copied: what was read from a file may not be written to, which torch does not take.
    planes = rearrange(torch.from_numpy(np.array(images)).float() / 255, "N r c h -> N h r c")
    if grey and planes.shape[1] == len(LUMA):
        planes = (planes * rearrange(torch.tensor(LUMA), "h -> h 1 1")).sum(1, keepdim=True)
    if planes.shape[2:] != size:
        planes = interpolate(planes, size=size, mode="bilinear", antialias=True, align_corners=False)
        # Antialiasing's weights sum to 1 up to rounding.
        planes = planes.clamp(0, 1)
    return rearrange(planes, "N h r c -> N (r c h)")
