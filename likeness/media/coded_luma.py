"""The brightness of a JPEG file as it is coded, with the table that it was rounded by: what traces of compression are read from.

The way over RGB and a turn by EXIF both blur these traces, so that neither is taken here.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np

from likeness.errors import LikenessError
from likeness.media.hostile import parsing
from likeness.media.jpeg import read_jpeg_header
from likeness.media.orientation import Orientation
from likeness.media.pictures import orientation_of
from likeness.types import ImageArray, IndexArray, RawFile, Value

MOST_BYTES: Final = 64 << 20
_HEADER_BYTES = 1 << 20
_RGB_TRANSFORM = 0  # Adobe's word for components that are red, green and blue


@dataclass(frozen=True, eq=False)
class CodedLuma(Value):
    """Brightness of a JPEG file.

    Attributes:
        luma: (H, W) uint8 as coded: neither converted nor turned.
        table: (8, 8) int64 quantisation steps, natural order.
        orientation: what turns it upright.
    """

    luma: ImageArray
    table: IndexArray
    orientation: Orientation


def coded_luma(raw: RawFile | None, most_pixels: int) -> CodedLuma | None:
    """Decode only the brightness of a JPEG file.

    Args:
        raw: the file; None for pixels that came from none.
        most_pixels: larger pictures are not decoded.

    Returns:
        None for anything but a JPEG file with a brightness of its own (not RGB, CMYK), for larger ones, and for files that
        are damaged or were changed since they were opened: what it is read for is never worth an error.
    """
    if raw is None or raw.media_type != "image/jpeg" or raw.size_bytes > MOST_BYTES:
        return None
    try:
        with parsing("picture", "JPEG file"), raw.open() as file:
            return _decoded(file.read(MOST_BYTES), most_pixels)
    except LikenessError:
        return None


def _decoded(content: bytes, most_pixels: int) -> CodedLuma | None:
    from PIL import Image

    header = read_jpeg_header(content[:_HEADER_BYTES])
    if header is None or not header.tables or header.components not in (1, 3):
        return None
    if header.size_wh[0] * header.size_wh[1] > most_pixels:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            if picture.size != header.size_wh:  # a second header, or a damaged one
                return None
            if picture.info.get("adobe_transform") == _RGB_TRANSFORM and header.components == 3:
                return None
            turned = orientation_of(picture)
            picture.draft("L", picture.size)
            if picture.mode != "L":
                return None
            return CodedLuma(np.array(picture), header.tables[min(header.tables)], turned)
