"""Skin: where a face and its neck show some, and its tone and brightness there.

Regions are drawn on a small upright crop; in each only pixels count that look like skin of the same picture, judged by
their distance from the middle of the face: hair, collars and background drop out, another shade of skin does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.faces.geometry import align_matrix, invert, transform, warp
from likeness.faces.patch import group_mask, oval_mask
from likeness.types import DoubleArray, FloatArray, ImageArray, Value

SIZE_PX = 112
MARGIN = 0.42
LEAST_PIXELS = 40
_GATE = (34.0, 16.0, 16.0)  # CIELAB steps from the middle of the face: more is not skin
_JAW = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
_NOSTRILS = (98, 97, 2, 326, 327, 129, 358)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SkinCrop(Value):
    """An upright face with its neck.

    Attributes:
        rgb: (S, S, 3) uint8.
        lab: (S, S, 3) float32 CIELAB: L 0-100, a and b in its own steps.
        landmarks_px: (478, 2) float64 in the crop.
        inside: (S, S) bool what lies within the picture.
        corners_px: (4, 2) float32 where its corners lie in the frame.
    """

    rgb: ImageArray
    lab: FloatArray
    landmarks_px: DoubleArray
    inside: Mask
    corners_px: FloatArray


@dataclass(frozen=True, eq=False)
class SkinRegions(Value):
    """(S, S) bool each, skin only.

    Attributes:
        inner: the inner face without eyes, brows, lips and nostrils.
        rim: the rim of the face: upper forehead, temples, jaw.
        beside: just outside of the face's outline: ears, sides of the neck, what lies under the jaw.
        neck: the neck below the jaw.
    """

    inner: Mask
    rim: Mask
    beside: Mask
    neck: Mask


def skin_crop(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> SkinCrop:
    """Cut a face upright, 112 px wide with its surroundings; raises `UsageError` for landmarks that span no area."""
    import cv2

    matrix = align_matrix(landmarks_px, SIZE_PX, MARGIN)
    rgb = warp(image, matrix, SIZE_PX, "replicate")
    lab = cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    back = invert(matrix)
    y, x = np.indices((SIZE_PX, SIZE_PX), np.float32)
    place = transform(np.stack([x, y], axis=-1), back)
    height, width = image.shape[:2]
    inside = (place >= 0).all(axis=-1) & (place[..., 0] < width) & (place[..., 1] < height)
    square = np.array([[0, 0], [SIZE_PX, 0], [SIZE_PX, SIZE_PX], [0, SIZE_PX]]) - 0.5
    return SkinCrop(
        rgb,
        np.asarray(lab, np.float32),
        transform(np.asarray(landmarks_px, np.float64), matrix),
        inside,
        transform(square, back).astype(np.float32),
    )


def skin_regions(crop: SkinCrop) -> SkinRegions:
    """Where the crop shows skin; a region without any is empty."""
    points, wh = crop.landmarks_px, (SIZE_PX, SIZE_PX)
    features = np.maximum.reduce(
        [
            group_mask(points, regions.RIGHT_EYE + regions.RIGHT_BROW, wh, 1.15),
            group_mask(points, regions.LEFT_EYE + regions.LEFT_BROW, wh, 1.15),
            group_mask(points, regions.LIPS_OUTER, wh, 1.15),
            group_mask(points, _NOSTRILS, wh, 1.1),
        ]
    )
    plain = crop.inside & (features < 0.1)
    core = oval_mask(points, wh, 0.75) > 0.5
    whole, just_inside = oval_mask(points, wh) > 0.5, oval_mask(points, wh, 0.97) > 0.5
    near, far = oval_mask(points, wh, 1.04) > 0.5, oval_mask(points, wh, 1.2) > 0.5
    neck = neck_mask(points, wh) & crop.inside & ~near
    inner = core & plain
    skin = like_skin(crop.lab, inner)
    return SkinRegions(
        inner=inner & skin,
        rim=just_inside & ~(oval_mask(points, wh, 0.85) > 0.5) & whole & plain & skin,
        beside=far & ~near & crop.inside & skin,
        neck=neck & skin,
    )


def neck_mask(points: npt.NDArray[np.floating], size_wh: tuple[int, int]) -> Mask:
    """(H, W) bool: below the jaw of an upright face, narrower than it, a third of a face high."""
    from likeness.faces.geometry import hull_mask

    jaw = np.asarray(points, np.float64)[list(_JAW)]
    middle = jaw.mean(axis=0)
    height = float(np.ptp(np.asarray(points)[:468, 1]))
    top = np.stack([middle[0] + 0.7 * (jaw[:, 0] - middle[0]), jaw[:, 1] + 0.04 * height], axis=1)
    return np.asarray(
        hull_mask(np.concatenate([top, top + np.array([0.0, 0.3 * height])]), size_wh) > 0.5
    )


def like_skin(lab: FloatArray, inner: Mask) -> Mask:
    """(S, S) bool: pixels near the median colour of the inner face; all of them where there is too little of it."""
    if int(inner.sum()) < LEAST_PIXELS:
        return np.ones(lab.shape[:2], np.bool_)
    apart = np.abs(lab - np.median(lab[inner], axis=0))
    return np.asarray((apart <= np.array(_GATE, np.float32)).all(axis=-1))


def tone(lab: FloatArray, where: Mask) -> DoubleArray | None:
    """(3,) median L, a, b of a region; None where it has fewer than `LEAST_PIXELS`."""
    chosen = lab[where]
    return np.median(chosen, axis=0).astype(np.float64) if len(chosen) >= LEAST_PIXELS else None


def linear_brightness(
    rgb: ImageArray, points_px: npt.NDArray[np.floating], sigma: float = 2.0
) -> DoubleArray:
    """(N,) linear brightness 0-1 of a small picture at (N, 2) points, smoothed; NaN outside of it."""
    import cv2

    values = (rgb.astype(np.float32) / np.float32(255)) ** np.float32(2.2)
    grey = cv2.transform(values, np.array([[0.2126, 0.7152, 0.0722]], np.float32))
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma)
    x, y = np.rint(np.asarray(points_px)).astype(np.int64).T
    within = (x >= 0) & (y >= 0) & (x < smooth.shape[1]) & (y < smooth.shape[0])
    found = np.full(len(x), np.nan)
    found[within] = smooth[y[within], x[within]]
    return found
