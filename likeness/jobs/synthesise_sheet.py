"""Sheets of synthesised people: captions under pictures in rows. They are pixels; `provenance` writes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from likeness.jobs.synthesise_options import enlarged
from likeness.types import ImageArray

TILE_PX = 128
MOST_SHOWN = 64
_CAPTION_PX = 16
_GAP_PX = 4
_FOOT = 0.1
_LEAST_COLUMNS = 2  # a watermark wants a sheet that is not a strip
_PAPER, _INK = 255, (60, 60, 60)


def contact_sheet(images: ImageArray, captions: Sequence[str]) -> ImageArray:
    """The first 64 pictures in a square of rows.

    Args:
        images: (N, S, S, 3) uint8.
        captions: N short texts.

    Returns:
        (H, W, 3) uint8.
    """
    shown = min(len(images), MOST_SHOWN)
    columns = max(_LEAST_COLUMNS, int(np.ceil(np.sqrt(shown))))
    cells = [cell(images[i], captions[i]) for i in range(shown)]
    return rows_of([cells[at : at + columns] for at in range(0, shown, columns)], columns)


def cell(image: ImageArray, caption: str) -> ImageArray:
    """A picture of 128 px with a line of text under it."""
    import cv2

    out = np.full((TILE_PX + _CAPTION_PX, TILE_PX, 3), _PAPER, np.uint8)
    out[:TILE_PX] = enlarged(image, TILE_PX)
    at = (2, TILE_PX + _CAPTION_PX - 5)
    cv2.putText(out, caption, at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, _INK, 1, cv2.LINE_AA)
    return out


def rows_of(rows: Sequence[Sequence[ImageArray]], columns: int) -> ImageArray:
    """Cells of one size on white paper; short rows end in paper. At least 2 columns and 2 rows of room."""
    height, width = rows[0][0].shape[:2]
    step_y, step_x = height + _GAP_PX, width + _GAP_PX
    high = max(len(rows), 1) * step_y + _GAP_PX
    # Room for a visible label, which is burnt in at the foot where the watermark cannot be read back.
    out = np.full((high + int(_FOOT * high), columns * step_x + _GAP_PX, 3), _PAPER, np.uint8)
    for y, row in enumerate(rows):
        for x, one in enumerate(row):
            top, left = _GAP_PX + y * step_y, _GAP_PX + x * step_x
            out[top : top + height, left : left + width] = one
    return out
