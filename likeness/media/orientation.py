"""Upright pictures: EXIF orientation and video display matrices as one of eight exact turns and mirrors."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from likeness.types import ImageArray


@dataclass(frozen=True)
class Orientation:
    """How coded pixels become upright ones: transpose first, then mirror.

    Attributes:
        transpose: swap rows and columns.
        mirror_x: then mirror left and right.
        mirror_y: then mirror top and bottom.
    """

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, image: ImageArray) -> ImageArray:
        """(H, W, 3) coded pixels to upright pixels, contiguous; no pixel is resampled."""
        if self.transpose:
            image = image.transpose(1, 0, 2)
        if self.mirror_x:
            image = image[:, ::-1]
        if self.mirror_y:
            image = image[::-1]
        return np.ascontiguousarray(image)

    def size(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        """Upright size of a picture that is coded with `size_wh`."""
        return (size_wh[1], size_wh[0]) if self.transpose else size_wh

    @property
    def words(self) -> str:
        """In words, for the report: how the coded picture was turned."""
        return {
            (False, False, False): "none",
            (False, True, False): "mirrored",
            (False, True, True): "turned by 180 degrees",
            (False, False, True): "mirrored and turned by 180 degrees",
            (True, False, False): "transposed",
            (True, True, False): "turned clockwise by 90 degrees",
            (True, True, True): "transposed across the other diagonal",
            (True, False, True): "turned counter-clockwise by 90 degrees",
        }[self.transpose, self.mirror_x, self.mirror_y]


UPRIGHT = Orientation()
_EXIF = {
    2: Orientation(mirror_x=True),
    3: Orientation(mirror_x=True, mirror_y=True),
    4: Orientation(mirror_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, mirror_x=True),
    7: Orientation(transpose=True, mirror_x=True, mirror_y=True),
    8: Orientation(transpose=True, mirror_y=True),
}


def from_exif(tag: object) -> Orientation:
    """The orientation of EXIF tag 0x0112; anything but 2 to 8 is upright."""
    return _EXIF.get(tag, UPRIGHT) if isinstance(tag, int) else UPRIGHT


def from_display_matrix(data: bytes) -> Orientation:
    """The nearest of the eight orientations to a display matrix.

    Args:
        data: nine 32-bit integers in native order as libav reports them; `(p, q)` is shown at
            `(a*p + c*q, b*p + d*q)` for `a, b, _, c, d, ... = data`.
    """
    if len(data) < 36:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("=9i", data[:36])[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
