"""The modes of `restore`: what happens to the whole picture, and whether faces are the network's.

Which method serves which mode was measured (`benchmarks/restoration.py`): non-local means beat the network on strong noise, Wiener's
filter on a slight blur; the network beats the bilateral filter on faces after JPEG.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from likeness.faces import repair
from likeness.types import ImageArray


@dataclass(frozen=True)
class Mode:
    """One way to restore a picture.

    Attributes:
        method: what is done, in words.
        whole: (H, W, 3) uint8 RGB in and out, for the whole picture.
        network: whether its faces are the restoration network's instead.
        factor: how much larger the result is.
    """

    method: str
    whole: Callable[[ImageArray], ImageArray]
    network: bool
    factor: int = 1


def _as_it_is(image: ImageArray) -> ImageArray:
    return image


MODES: Final[Mapping[str, Mode]] = MappingProxyType(
    {
        "restore": Mode("restoration network on the faces", _as_it_is, True),
        "superres": Mode(
            "Lanczos resampling to twice the size, then the restoration network on the faces",
            _as_it_is,
            True,
            2,
        ),
        "denoise": Mode(
            "non-local means (Buades et al. 2005) on the whole picture", repair.denoised, False
        ),
        "deblur": Mode(
            "Wiener's filter for a Gaussian blur of 1 px on the whole picture",
            repair.deblurred,
            False,
        ),
        "jpeg": Mode(
            "restoration network on the faces, a bilateral filter (Tomasi and Manduchi 1998) on the rest",
            repair.deblocked,
            True,
        ),
    }
)
"""By name."""
