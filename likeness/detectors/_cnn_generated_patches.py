"""Patches of a picture at its own resolution, and what decides whether they can be judged at all.

Nothing is ever resized: resampling wipes out, or imitates, what is looked for. Smooth patches (sky, a blurred wall) carry
no residual and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.types import DoubleArray, FloatArray, ImageArray

PATCH_PX = 96
MOST_PER_AXIS = 3
MARGIN = 2.0
"""Side of the square round a face over the longer side of its box: hair and background are drawn by a generator too."""
LEAST_TEXTURE = 0.5
"""Mean absolute second difference of luma, in levels: below it a patch shows nothing but compression."""
QUALITIES = ("texture", "fine to middle", "middle to coarse", "jpeg quality")
Region = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels."""


@dataclass(frozen=True, eq=False)
class Patches:
    """What is shown to the network of one region.

    Attributes:
        images: (K, 96, 96, 3) uint8 RGB with texture; K may be 0.
        places: (K, 2) row and column of each on the grid.
        grid: rows and columns of the grid.
        region: where they were cut.
    """

    images: ImageArray
    places: FloatArray
    grid: tuple[int, int]
    region: Region


def whole(image: ImageArray) -> Region:
    """The whole picture."""
    return 0, 0, image.shape[1], image.shape[0]


def round_face(box_px: FloatArray, size_wh: tuple[int, int]) -> Region:
    """A square of `MARGIN` times the face, moved into the picture, as much of it as the picture holds.

    Args:
        box_px: (4,) xyxy.
        size_wh: of the picture.
    """
    x0, y0, x1, y1 = (float(v) for v in box_px)
    wanted = MARGIN * max(x1 - x0, y1 - y0)
    spans = []
    for low, high, size in ((x0, x1, size_wh[0]), (y0, y1, size_wh[1])):
        side = int(min(round(wanted), size))
        start = int(np.clip(round((low + high - side) / 2), 0, size - side))
        spans.append((start, start + side))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def side_of(region: Region) -> int:
    """The shorter side in pixels."""
    return min(region[2] - region[0], region[3] - region[1])


def cut(image: ImageArray, region: Region) -> Patches | None:
    """Patches evenly spread over a region, one to nine; None if it is smaller than one.

    In large regions they leave gaps, in small ones they overlap.
    """
    left, top, right, bottom = region
    if side_of(region) < PATCH_PX:
        return None
    rows, columns = _starts(top, bottom), _starts(left, right)
    images, places = [], []
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            patch = image[y : y + PATCH_PX, x : x + PATCH_PX]
            if texture(patch) >= LEAST_TEXTURE:
                images.append(patch)
                places.append((i, j))
    stacked = np.stack(images) if images else np.zeros((0, PATCH_PX, PATCH_PX, 3), np.uint8)
    return Patches(
        stacked,
        np.array(places, np.float32).reshape(-1, 2),
        (len(rows), len(columns)),
        region,
    )


def texture(patch: ImageArray) -> float:
    """Mean absolute second difference of luma along both axes, in levels."""
    luma = _luma(patch)
    across = np.abs(luma[:, :-2] - 2 * luma[:, 1:-1] + luma[:, 2:]).mean()
    down = np.abs(luma[:-2] - 2 * luma[1:-1] + luma[2:]).mean()
    return float(0.5 * (across + down))


def qualities(image: ImageArray, patches: Patches) -> DoubleArray:
    """(4,) in the order of `QUALITIES`: what resizing, blur and compression change, for the domain check."""
    from likeness.faces.compression import estimated_jpeg_quality

    levels = []
    luma = _luma(patches.images)
    for _ in range(3):
        bend = luma[:, 1:-1, :-2] - 2 * luma[:, 1:-1, 1:-1] + luma[:, 1:-1, 2:]
        levels.append(np.log10(np.abs(bend).mean() + 0.05))
        rows = luma[:, ::2] + luma[:, 1::2]
        luma = np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4, np.float32)
    fine, middle, coarse = levels
    quality = estimated_jpeg_quality(image, patches.region)
    return np.array([fine, fine - middle, middle - coarse, quality / 100.0])


def _luma(images: ImageArray) -> FloatArray:
    return images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _starts(low: int, high: int) -> list[int]:
    count = min(MOST_PER_AXIS, -(-(high - low) // PATCH_PX))
    first = (high - low - PATCH_PX) // 2 if count == 1 else 0
    return [int(v) for v in np.linspace(low + first, high - PATCH_PX - first, count).round()]
