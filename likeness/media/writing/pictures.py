"""Still pictures to bytes: PNG and WebP without loss, JPEG at quality 95 without chroma subsampling."""

from __future__ import annotations

import io
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from likeness.errors import OutputError
from likeness.types import ImageArray, check_array

PICTURE_TYPES: Final = MappingProxyType(
    {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
)
_OPTIONS: Final[MappingProxyType[str, dict[str, Any]]] = MappingProxyType(
    {
        "PNG": {"compress_level": 6},
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True, "quality": 50, "method": 2},
    }
)
_MOST_PX = MappingProxyType({"PNG": 2**31 - 1, "JPEG": 65_535, "WEBP": 16_383})


def encode_picture(image: ImageArray, format: str = "PNG") -> bytes:
    """A picture file without any metadata.

    Args:
        image: (H, W, 3) uint8 RGB.
        format: PNG or WEBP (the pixels come back exactly), or JPEG (quality 95, 4:4:4).

    Raises:
        OutputError: another format, or more pixels on a side than the format holds.
        ShapeError: `image` is no RGB picture.
    """
    from PIL import Image

    check_array("encode_picture.image", image, (None, None, 3), np.uint8)
    if format not in PICTURE_TYPES:
        raise OutputError(
            f"picture: expected one of the formats {', '.join(PICTURE_TYPES)}, got {format!r}"
        )
    height, width = image.shape[:2]
    if not 0 < min(width, height) <= max(width, height) <= _MOST_PX[format]:
        raise OutputError(
            f"{format}: expected 1 to {_MOST_PX[format]:,} px on a side, got {width}x{height}; "
            "scale it or choose PNG"
        )
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(out, format, **_OPTIONS[format])
    return out.getvalue()
