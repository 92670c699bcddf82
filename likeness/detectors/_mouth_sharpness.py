"""How sharp the lower face is against the upper: what a pasted mouth changes.

Networks that move the lips to a sound paint mouth and chin, often coarser than the rest. Sharpness is read from how fast the
detail falls off, fine over coarser, and from how much fine detail there is, each of one part of the face against another.
Real faces differ there as well (beards, smooth foreheads, wet lips): how far is far is learned from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import WeightsError
from likeness.faces import regions
from likeness.types import DoubleArray, FloatArray, ImageArray

VERSION = "mouth-1"
SIZE_PX = 160
MARGIN = 0.06
CONTRASTS = (("lower", "upper"), ("mouth", "chin"), ("chin", "cheeks"))
_PLAIN = (
    "sharpness of the lower face against the upper",
    "fine detail of the lower face against the upper",
    "sharpness of the mouth against the chin",
    "fine detail of the mouth against the chin",
    "sharpness of the chin against the cheeks",
    "fine detail of the chin against the cheeks",
)
PLAIN = len(_PLAIN)
NAMES = (
    *_PLAIN,
    *(f"{name}: distance from the middle" for name in _PLAIN),
    "unusual sharpness of the lower face",
)
LEAST_PIXELS = 60
_BLURS = (0.8, 1.6)
_FLOOR = 0.15  # grey levels; keeps flat areas finite
Mask = npt.NDArray[np.bool_]


def contrasts(
    image: ImageArray, landmarks_px: npt.NDArray[np.floating]
) -> tuple[DoubleArray, dict[str, Mask], DoubleArray] | None:
    """What real faces are measured by.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) in its pixels.

    Returns:
        (6,) float64 natural logarithms, in the order of the first six `NAMES`; the regions in the aligned crop; and the
        (2, 3) matrix to it. None where a region is too small.
    """
    import cv2

    from likeness.faces.geometry import align_matrix, transform, warp

    matrix = align_matrix(landmarks_px, SIZE_PX, MARGIN)
    crop = warp(image, matrix, SIZE_PX, "replicate", cubic=False)
    masks = region_masks(transform(np.asarray(landmarks_px, np.float64), matrix))
    if min(int(mask.sum()) for mask in masks.values()) < LEAST_PIXELS:
        return None
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft, softer = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in _BLURS)
    fine, medium = np.abs(grey - soft), np.abs(soft - softer)
    detail = {k: np.log(float(fine[m].mean()) + _FLOOR) for k, m in masks.items()}
    fall = {k: detail[k] - np.log(float(medium[m].mean()) + _FLOOR) for k, m in masks.items()}
    values = [part for a, b in CONTRASTS for part in (fall[a] - fall[b], detail[a] - detail[b])]
    return np.array(values, np.float64), masks, matrix


def region_masks(points_px: DoubleArray) -> dict[str, Mask]:
    """(160, 160) bool of lower and upper face, mouth, chin and cheeks; the (478, 2) points lie in crop pixels.

    The inside of the mouth is left out: teeth come and go.
    """
    from likeness.faces.geometry import hull_mask

    def hull(group: tuple[int, ...], grow: float = 1.0) -> Mask:
        points = points_px[list(group)]
        middle = points.mean(axis=0)
        filled: FloatArray = hull_mask(middle + grow * (points - middle), (SIZE_PX, SIZE_PX))
        return np.asarray(filled > 0.5)

    lower = hull((*regions.JAW[1:-1], 2, 98, 327), 0.96)
    inside = hull(regions.LIPS_INNER, 1.1)
    return {
        "lower": lower & ~inside,
        "upper": hull((*regions.FOREHEAD, *regions.EYES, *regions.BROWS), 0.96),
        "mouth": hull(regions.LIPS_OUTER, 1.15) & ~inside,
        "chin": lower & ~hull(regions.LIPS_OUTER, 1.3),
        "cheeks": hull(regions.RIGHT_CHEEK) | hull(regions.LEFT_CHEEK),
    }


@dataclass(frozen=True, eq=False)
class RealFaces:
    """What real faces give.

    Attributes:
        middle: (6,) median of `contrasts`.
        spread: (6,) standard deviation.
        inverse: (6, 6) inverse of the covariance.
    """

    middle: DoubleArray
    spread: DoubleArray
    inverse: DoubleArray

    @classmethod
    def fit(cls, values: DoubleArray) -> RealFaces:
        """From the (N, 6) contrasts of N real faces."""
        return cls(np.median(values, axis=0), values.std(axis=0), np.linalg.inv(np.cov(values.T)))

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """For a safetensors file."""
        return {
            "real.middle": self.middle,
            "real.spread": self.spread,
            "real.inverse": self.inverse,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> RealFaces:
        """What `to_arrays` gave; raises `WeightsError`."""
        found = [
            np.asarray(arrays.get(f"real.{name}", np.nan), np.float64)
            for name in ("middle", "spread", "inverse")
        ]
        shapes = ((PLAIN,), (PLAIN,), (PLAIN, PLAIN))
        if any(
            a.shape != s or not np.isfinite(a).all() for a, s in zip(found, shapes, strict=True)
        ):
            raise WeightsError("real faces: the arrays have other shapes; train it again")
        return cls(*found)

    def numbers(self, values: DoubleArray) -> DoubleArray:
        """(13,) `NAMES` of (6,) contrasts."""
        off = values - self.middle
        unusual = np.sqrt(max(float(off @ self.inverse @ off), 0.0) / PLAIN)
        return np.concatenate([values, np.abs(off) / self.spread, [unusual]])
