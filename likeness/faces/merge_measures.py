"""How well a face was merged, in numbers: its rim, its sharpness, its steadiness. Each compares the frame with itself before.

None of these says whether a person would notice; each says where to look.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from likeness.faces.detail import fineness, grain_sigma, grey_of
from likeness.faces.geometry import warp
from likeness.faces.merging import Merged
from likeness.faces.unrest import second_difference
from likeness.types import DoubleArray, FloatArray, ImageArray

SECTORS = 16
STEADY_PX = 64
_SEAM_PX = 200
_Where = npt.NDArray[np.bool_]
_BAND = 0.04  # of the face's width: the strips on either side of the rim that are compared
_LEAST = 12  # pixels of a strip within a sector


def seam_delta_e(before: ImageArray, merged: Merged) -> float:
    """Colour step across the rim that was not there before, in CIELAB units (delta E 1976); 0 = none.

    Large faces are measured at a width of 200 px. The rim is cut into 16 sectors. In each, the mean colour of the strip just inside of it is compared with that of the
    strip just outside; what the frame already had there before is taken off; the mean over sectors of what is left above
    zero is the figure. About 2 is the least that can be seen side by side. NaN where there is no rim.

    Args:
        before: (H, W, 3) uint8 RGB, the frame as it was.
        merged: what `merge` made of it.
    """
    found = _surroundings(before, merged)
    if found is None:
        return float("nan")
    old, new, alpha = found
    inner, outer, sector = _strips(alpha)
    colours = _lab(old), _lab(new)
    steps = []
    for number in range(SECTORS):
        a, b = inner & (sector == number), outer & (sector == number)
        if a.sum() < _LEAST or b.sum() < _LEAST:
            continue
        step = [float(np.linalg.norm(i[a].mean(axis=0) - i[b].mean(axis=0))) for i in colours]
        steps.append(max(0.0, step[1] - step[0]))
    return float(np.mean(steps)) if steps else float("nan")


def seam_contrast(before: ImageArray, merged: Merged) -> float:
    """Slope of the brightness at the rim over what it was there before; 1 = as much as before, above = an edge was added.

    Mean gradient after smoothing by a quarter of the rim's width, where the share of the generated face is 0.1-0.9; one
    grey level is added above and below, so that two empty rims give 1. At least 0; NaN where there is no rim.
    """
    if not merged.alpha.size:
        return float("nan")
    rim = (merged.alpha > 0.1) & (merged.alpha < 0.9)
    if rim.sum() < _LEAST:
        return float("nan")
    x0, y0, x1, y1 = merged.box
    length = max(float(np.abs(np.diff((merged.alpha > 0.5).astype(np.int8), axis=0)).sum()), 1.0)
    sigma = float(np.clip(rim.sum() / length / 4.0, 0.7, 4.0))
    slopes = []
    for image in (before, merged.image):
        grey = cv2.GaussianBlur(grey_of(image[y0:y1, x0:x1]), (0, 0), sigma)
        slope = cv2.magnitude(
            cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.125),
            cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.125),
        )
        slopes.append(float(slope[rim].mean()))
    return (slopes[1] + 1.0) / (slopes[0] + 1.0)


def sharpness_ratio(before: ImageArray, merged: Merged) -> float:
    """`detail.fineness` of the face after over before; below 1 = softer than what it covers. NaN where it cannot be read."""
    if not merged.alpha.size:
        return float("nan")
    x0, y0, x1, y1 = merged.box
    values = []
    for image in (before, merged.image):
        grey = grey_of(image[y0:y1, x0:x1])
        values.append(fineness(grey, merged.alpha, grain_sigma(grey, merged.alpha)))
    return values[1] / values[0] if min(values) > 0.0 else float("nan")


class Flicker:
    """Unrest of a face over time: mean second difference of brightness, in grey levels, in the face's own coordinates.

    For every three frames in a row, |before - 2 x now + after| of the aligned face at 64 px, averaged where its mask is
    above 0.5. Steady light, steady motion of the head and anything that changes evenly give 0; what jumps from one frame to
    the next gives its height. Speech gives some by itself, so the figure is read against that of the target's own face.
    """

    def __init__(self) -> None:
        self._last: list[tuple[int, FloatArray]] = []
        self._sum, self._count = 0.0, 0

    def add(self, index: int, face: FloatArray, mask: FloatArray) -> None:
        """Take in the next frame.

        Args:
            index: its number; a step of more than one starts anew.
            face: (64, 64) float32 brightness of the aligned face.
            mask: (64, 64) float32 in [0, 1].
        """
        if self._last and index != self._last[-1][0] + 1:
            self._last = []
        self._last = [*self._last[-2:], (index, face)]
        inside = mask > 0.5
        if len(self._last) == 3 and inside.any():
            (jump,) = second_difference(np.stack([face for _, face in self._last]))
            self._sum += float(np.abs(jump)[inside].mean())
            self._count += 1

    @property
    def level(self) -> float:
        """The figure in grey levels, at least 0; NaN with fewer than three frames in a row."""
        return self._sum / self._count if self._count else float("nan")


def steady_face(image: ImageArray, matrix: DoubleArray, size_px: int) -> FloatArray:
    """(64, 64) float32 brightness of an aligned face, for `Flicker`.

    Args:
        image: (H, W, 3) uint8 RGB frame.
        matrix: (2, 3) frame to crop pixels, for a crop of `size_px`.
        size_px: side of that crop.
    """
    scale = STEADY_PX / size_px
    small = matrix * scale
    small[:, 2] += (scale - 1.0) / 2.0  # pixel centres stay centres
    return grey_of(warp(image, small, STEADY_PX, "replicate", cubic=False))


def _lab(image: ImageArray) -> FloatArray:
    scaled = image.astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)


def _surroundings(
    before: ImageArray, merged: Merged
) -> tuple[ImageArray, ImageArray, FloatArray] | None:
    """The part of the frame round the rim, before and after, and the outline's share; at most about 200 px wide."""
    if not merged.alpha.size or not (merged.alpha > 0.5).any():
        return None
    x0, y0, x1, y1 = merged.box
    pad = int(np.ceil(2 * _band(x1 - x0))) + 1
    left, top = max(0, x0 - pad), max(0, y0 - pad)
    right, bottom = min(before.shape[1], x1 + pad), min(before.shape[0], y1 + pad)
    alpha = np.zeros((bottom - top, right - left), np.float32)
    alpha[y0 - top : y1 - top, x0 - left : x1 - left] = merged.alpha
    parts = [i[top:bottom, left:right] for i in (before, merged.image)]
    scale = _SEAM_PX / (x1 - x0)
    if scale >= 1.0:
        return parts[0], parts[1], alpha
    wh = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
    old, new, share = (cv2.resize(a, wh, interpolation=cv2.INTER_AREA) for a in (*parts, alpha))
    return old, new, share


def _band(width_px: float) -> float:
    return max(2.0, _BAND * width_px)


def _strips(alpha: FloatArray) -> tuple[_Where, _Where, npt.NDArray[np.int64]]:
    """The strips inside and outside of the rim, and the sector of every pixel."""
    columns = np.flatnonzero((alpha > 0.5).any(axis=0))
    band = _band(float(columns[-1] - columns[0] + 1))
    full, none = alpha > 0.9, alpha < 0.05
    inner = full & (cv2.distanceTransform(full.astype(np.uint8), cv2.DIST_L2, 3) <= band)
    outer = none & (cv2.distanceTransform(none.astype(np.uint8), cv2.DIST_L2, 3) <= band)
    y, x = np.indices(alpha.shape)
    centre_y, centre_x = (axis.mean() for axis in np.nonzero(alpha > 0.5))
    angle = np.arctan2(y - centre_y, x - centre_x)
    turns = (angle + np.pi) / (2 * np.pi)
    return inner, outer, np.minimum((turns * SECTORS).astype(np.int64), SECTORS - 1)
