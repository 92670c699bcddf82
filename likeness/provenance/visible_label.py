"""Generated pixels for the eye alone: a thumbnail with a banner burnt into it.

For pictures that exist in memory only, such as the pseudo-fake of a demonstration. The banner tells a person; it is no
watermark and no content credential, so nothing that is meant to be kept or passed on goes out this way.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np

from likeness.errors import OutputError
from likeness.types import ImageArray, check_array

if TYPE_CHECKING:
    from PIL import Image, ImageFont

DEFAULT_LABEL: Final = "PSEUDO-FAKE made by Likeness · not a real photograph"
LEAST_PX: Final = 64
_DARK, _WHITE = (16, 16, 16), (255, 255, 255)
_LEAST_FONT_PX, _MOST_STRIP = 7, 0.5


def encode_labelled(image: ImageArray, label: str = DEFAULT_LABEL, *, format: str = "PNG") -> bytes:
    """Encode a generated picture with its label in white on a dark strip over its lower part.

    The text takes as many lines as it needs; the picture keeps its size, so that heatmaps still fit over it. Where the
    whole label cannot be legible (default label: below about 80 px), what stands before its first " · " is burnt in alone.

    Args:
        image: (H, W, 3) uint8 RGB, at least 64 px on each side.
        label: what the picture is, in words.
        format: "PNG" or "JPEG".

    Returns:
        The encoded bytes.

    Raises:
        OutputError: the label is empty or does not fit legibly, or the picture is too small for any.
        ShapeError: `image` is no RGB picture.
    """
    from PIL import Image

    check_array("encode_labelled.image", image, (None, None, 3), np.uint8)
    height, width = image.shape[:2]
    if min(height, width) < LEAST_PX:
        raise OutputError(
            f"a labelled picture needs {LEAST_PX} px on each side, got {width}x{height}; enlarge it"
        )
    if not label.strip():
        raise OutputError("generated pixels need a label that says what they are, got an empty one")
    if format not in ("PNG", "JPEG"):
        raise OutputError(f"labelled picture: expected the format PNG or JPEG, got {format!r}")
    picture = Image.fromarray(image)
    shorter = label.split(" · ")[0]
    strip = _strip(label, width, int(height * _MOST_STRIP))
    strip = strip or _strip(shorter, width, int(height * _MOST_STRIP))
    if strip is None:
        raise OutputError(
            f"the label {shorter!r} does not fit legibly into {width}x{height} px; shorten it"
        )
    picture.paste(strip, (0, height - strip.height))
    out = io.BytesIO()
    picture.save(out, format, **({"quality": 90} if format == "JPEG" else {}))
    return out.getvalue()


def _strip(label: str, width: int, most_height: int) -> Image.Image | None:
    from PIL import Image, ImageDraw, ImageFont

    for size in range(max(_LEAST_FONT_PX, width // 16), _LEAST_FONT_PX - 1, -1):
        font = ImageFont.load_default(size)
        pad = max(2, size // 2)
        lines = _wrapped(label, font, width - 2 * pad)
        height = round(len(lines) * size * 1.25) + 2 * pad
        if lines and height <= most_height:
            break
    else:
        return None
    strip = Image.new("RGB", (width, height), _DARK)
    draw = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        draw.text((pad, pad + number * size * 1.25), line, fill=_WHITE, font=font)
    return strip


def _wrapped(
    label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> list[str]:
    """The label in lines that fit; none if one of its words does not."""
    lines = [""]
    for word in " ".join(label.split()).replace(" · ", "\N{NO-BREAK SPACE}· ").split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        elif lines[-1] and font.getlength(word) <= width:
            lines.append(word)
        else:
            return []
    return lines
