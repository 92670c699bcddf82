"""A face with what lies round it, in the picture's own pixels: neither turned nor, where it is small enough, resized.

Sharpness, grain and skin texture are read here: an aligned crop has been interpolated, and interpolation is a blur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.errors import UsageError
from likeness.faces import regions
from likeness.faces.geometry import hull_mask
from likeness.types import (
    LANDMARK_COUNT,
    DoubleArray,
    FloatArray,
    ImageArray,
    Value,
    check_array,
)

MARGIN = 0.45
LONGEST_PX = 384
_OVAL = list(regions.FACE_OVAL)


@dataclass(frozen=True, eq=False)
class FacePatch(Value):
    """A rectangle of a picture round one face; it ends where the picture ends.

    Attributes:
        image: (h, w, 3) uint8 RGB.
        landmarks_px: (478, 2) float64 in the patch.
        corners_px: (4, 2) float32 where its corners lie in the picture: top-left, top-right, bottom-right, bottom-left.
        scale: patch pixels per picture pixel, at most 1.
    """

    image: ImageArray
    landmarks_px: DoubleArray
    corners_px: FloatArray
    scale: float

    def cells(self, cell_px: int) -> DoubleArray:
        """(478, 2) landmarks on a grid of cells of so many pixels; whole numbers are the middles of cells."""
        return (self.landmarks_px + 0.5) / cell_px - 0.5


def face_patch(
    image: ImageArray,
    landmarks_px: npt.NDArray[np.floating],
    margin: float = MARGIN,
    longest_px: int = LONGEST_PX,
) -> FacePatch:
    """Cut out a face and its surroundings.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) in the picture's pixels.
        margin: added on each side, as a share of the longer side of the face's box.
        longest_px: a longer patch is reduced by area; others keep their pixels as they are.

    Raises:
        ShapeError: wrong arrays.
        UsageError: no part of the face lies within the picture.
    """
    import cv2

    check_array("image", image, (None, None, 3), np.uint8)
    points = np.asarray(landmarks_px, np.float64)
    check_array("landmarks_px", points, (LANDMARK_COUNT, 2), np.float64)
    if not np.isfinite(points).all():
        raise UsageError("face patch: the landmarks are not finite")
    low, high = points[:468].min(axis=0), points[:468].max(axis=0)
    reach = margin * float((high - low).max())
    size = np.array([image.shape[1], image.shape[0]])
    x0, y0 = np.clip(np.floor(low - reach), 0, size).astype(int)
    x1, y1 = np.clip(np.ceil(high + reach) + 1, 0, size).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2:
        raise UsageError("face patch: no part of the face lies within the picture")
    part = image[y0:y1, x0:x1]
    scale = min(1.0, longest_px / max(part.shape[:2]))
    if scale < 1.0:
        wh = (max(2, round((x1 - x0) * scale)), max(2, round((y1 - y0) * scale)))
        part = cv2.resize(part, wh, interpolation=cv2.INTER_AREA)
    placed = (points - [x0, y0] + 0.5) * scale - 0.5
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32) - np.float32(0.5)
    return FacePatch(np.asarray(part, np.uint8), placed, corners, scale)


def oval_mask(
    points: npt.NDArray[np.floating], size_wh: tuple[int, int], factor: float = 1.0
) -> FloatArray:
    """(H, W) float32 in [0, 1]: the face oval of (478, 2) landmarks, drawn larger or smaller about its middle."""
    return group_mask(points, _OVAL, size_wh, factor)


def group_mask(
    points: npt.NDArray[np.floating],
    group: Sequence[int],
    size_wh: tuple[int, int],
    factor: float = 1.0,
) -> FloatArray:
    """(H, W) float32 in [0, 1]: the hull of a group of landmarks (see `regions`), larger or smaller about its middle."""
    chosen = np.asarray(points, np.float64)[list(group)]
    middle = chosen.mean(axis=0)
    return hull_mask(middle + (chosen - middle) * factor, size_wh)
