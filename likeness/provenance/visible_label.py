"""Words burnt into generated pixels: white on a dark strip over the lower part of the picture.

For eyes, beside the marks for machines: where a consent record demands it, and on pictures that are too small to carry a
watermark. A strip can be cut off, so it never stands alone: credentials go with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from likeness.errors import OutputError
from likeness.types import ImageArray, check_array

if TYPE_CHECKING:
    from PIL import Image, ImageFont

DEFAULT_LABEL: Final = "SYNTHETIC · made by Likeness"
LEAST_PX: Final = 64
_DARK, _WHITE = (16, 16, 16), (255, 255, 255)
_LEAST_FONT_PX, _FONT_PX, _MOST_STRIP = 7, 10, 0.5
_LETTERS = 24  # font sizes in the width: the research label then takes one line of a large picture
_GLUE = "\N{NO-BREAK SPACE}"  # keeps " · " at the end of a line; the font has no glyph for it


class VisibleLabel:
    """A label for pictures of one size, drawn once.

    The text takes as many lines as it needs; pictures keep their size, so that heatmaps still fit over them. Where the
    whole label cannot be legible, what stands before its first " · " is burnt in alone.

    Args:
        text: what the picture is, in words.
        size_wh: width and height of the pictures, at least 64 px each.

    Raises:
        OutputError: the text is empty or does not fit legibly, or the pictures are too small for any.
    """

    def __init__(self, text: str, size_wh: tuple[int, int]) -> None:
        width, height = size_wh
        if min(height, width) < LEAST_PX:
            raise OutputError(
                f"a labelled picture needs {LEAST_PX} px on each side, got {width}x{height}; enlarge it"
            )
        if not text.strip():
            raise OutputError(
                "generated pixels need a label that says what they are, got an empty one"
            )
        shorter = text.split(" · ")[0]
        strip = _strip(text, width, int(height * _MOST_STRIP))
        strip = strip or _strip(shorter, width, int(height * _MOST_STRIP))
        if strip is None:
            raise OutputError(
                f"the label {shorter!r} does not fit legibly into {width}x{height} px; shorten it"
            )
        self.size_wh = size_wh
        self._strip = np.asarray(strip)

    def burn(self, image: ImageArray) -> ImageArray:
        """A copy of (H, W, 3) uint8 RGB with the label in it. Raises `ShapeError` for another size."""
        check_array("VisibleLabel.burn", image, (self.size_wh[1], self.size_wh[0], 3), np.uint8)
        labelled = image.copy()
        labelled[-len(self._strip) :] = self._strip
        return labelled


def _strip(label: str, width: int, most_height: int) -> Image.Image | None:
    from PIL import Image, ImageDraw, ImageFont

    for size in range(max(_FONT_PX, width // _LETTERS), _LEAST_FONT_PX - 1, -1):
        font = ImageFont.load_default(size)
        pad = max(2, size // 3)
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
    for glued in " ".join(label.split()).replace(" · ", f"{_GLUE}· ").split(" "):
        word = glued.replace(_GLUE, " ")
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        elif lines[-1] and font.getlength(word) <= width:
            lines.append(word)
        else:
            return []
    return lines
