"""Cast shadows of nose and brow: do they fall to the side that the shading of the rest of the face says?

Light from one side makes that side of forehead, cheeks and chin bright (shading) and lets the nose and the brows throw a shadow
to the other side. A face that was painted or put together may have the one without the other. Cast shadows as a check of
light go back to Johnson and Farid 2007 ("Exposing Digital Forgeries in Complex Lighting Environments") and to Kee, O'Brien
and Farid 2013 ("Exposing Photo Manipulation with Inconsistent Shadows"). Shading is fitted with the first order of spherical
harmonics to the points that neither shadow reaches; what is darker than that under the nose and round the eyes, left against
right, is the shadow. Only left and right are read: how high the light stands cannot be told from sockets that are always dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.faces.shading import harmonics, mean_face, posed_normals
from likeness.faces.skin import SIZE_PX, SkinCrop, SkinRegions, linear_brightness
from likeness.types import DoubleArray, FloatArray, IndexArray

NAMES = (
    "shadow under the nose: on the side that the shading says",
    "shadow round the eyes: on the side that the shading says",
)
UNIT = "log"
USUAL = ((-0.31, 1.12), (-0.24, 1.07))
"""5th and 95th percentile of 206 faces of FFHQ and UTKFace, role train, that are lit from the side; below 0 = the wrong side."""
OTHERS = "shadow under the nose: side against the other faces"
LEAST_SIDE = 0.3
"""Brightness from one side over mean brightness, below which no cast shadow is looked for."""
LEAST_SHADOW = 0.15
"""Natural log of brightness, left against right, from which on a shadow lies to one side at all."""
MOST_YAW_DEG = 20.0
_FACING = 0.2
_LEAST_POINTS = 40
_DARKEST = 0.15  # of the mean: shading that was fitted never predicts less
_MAP_PX = 28
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shadows:
    """What is darker than shading explains, the image's right against its left, natural log of brightness.

    Attributes:
        nose: under the nose; positive = the shadow lies to the image's left, as under light from its right.
        brow: round the eyes, likewise.
        from_right: light from the image's right over mean brightness; negative = from its left.
        darker: (468,) float64 log of brightness over shading at each point; NaN where it faces away.
    """

    nose: float
    brow: float
    from_right: float
    darker: DoubleArray

    @property
    def agreement(self) -> tuple[float, float]:
        """Nose and brow: positive where the shadow falls away from the light."""
        side = float(np.sign(self.from_right))
        return side * self.nose, side * self.brow


@cache
def _places() -> tuple[Mask, IndexArray, IndexArray]:
    """Points that neither shadow reaches; points under the nose, and round the eye, on the image's right."""
    x, y = mean_face().points_mm[:, :2].T
    nose, eyes = (np.abs(x) < 26) & (y > -12) & (y < 62), (np.abs(x) < 46) & (y > -30) & (y < 12)
    mouth = (np.abs(x) < 28) & (y > 55) & (y < 85)
    lids = np.zeros(len(x), np.bool_)
    lids[list(regions.EYES)] = True
    under = (x > 2) & (x < 14) & (y > 45) & (y < 60)
    around = (x > 14) & (x < 45) & (y > -26) & (y < 8) & ~lids
    return ~(nose | eyes | mouth), np.flatnonzero(under), np.flatnonzero(around)


def shadows_of(
    crop: SkinCrop, where: SkinRegions, pose_deg: npt.NDArray[np.floating]
) -> Shadows | None:
    """Read both shadows; None for a face that is turned, shows too little skin or is not lit from the side.

    Args:
        crop: the upright face.
        where: its skin.
        pose_deg: (3,) yaw, pitch, roll.
    """
    yaw, pitch = float(pose_deg[0]), float(pose_deg[1])
    if abs(yaw) > MOST_YAW_DEG:
        return None
    points = crop.landmarks_px[:468]
    column, row = np.clip(np.rint(points).astype(np.int64), 0, SIZE_PX - 1).T
    brightness = linear_brightness(crop.rgb, points, 1.0)
    normals = posed_normals(np.array([yaw, pitch, 0.0]))
    facing = (normals[:, 2] < -_FACING) & np.isfinite(brightness)
    plain, under, around = _places()
    used = plain & facing & (where.inner | where.rim)[row, column]
    if int(used.sum()) < _LEAST_POINTS:
        return None
    basis, mean = harmonics(normals), float(brightness[used].mean())
    part = basis[used]
    ridge = 1e-3 * len(part) * np.eye(basis.shape[1])
    fitted = np.linalg.solve(part.T @ part + ridge, part.T @ brightness[used])
    from_right = float(fitted[1]) / max(mean, 1e-3)
    if abs(from_right) < LEAST_SIDE:
        return None
    shading = np.maximum(basis @ fitted, _DARKEST * mean)
    darker = np.where(
        facing, np.log(np.maximum(brightness, 1e-3) / np.maximum(shading, 1e-3)), np.nan
    )
    nose, brow = (_right_over_left(darker, group) for group in (under, around))
    if nose is None or brow is None:
        return None
    return Shadows(nose, brow, from_right, darker)


def shadow_map(crop: SkinCrop, shadows: Shadows) -> FloatArray:
    """(28, 28) float32 in [0, 1]: how much darker than its shading each place under the nose and round the eyes is."""
    import cv2

    _, under, around = _places()
    mirror = mean_face().mirror
    drawn, weight = (np.zeros((SIZE_PX, SIZE_PX), np.float32) for _ in range(2))
    for point in np.concatenate([under, mirror[under], around, mirror[around]]):
        value = float(np.nan_to_num(shadows.darker[point]))
        x, y = (int(v) for v in np.clip(np.rint(crop.landmarks_px[point]), 0, SIZE_PX - 1))
        drawn[y, x] += float(np.tanh(max(-value, 0.0)))
        weight[y, x] += 1.0
    soft, count = (cv2.GaussianBlur(v, (0, 0), 2.5) for v in (drawn, weight))
    shown = np.where(count > 2e-3, soft / np.maximum(count, 2e-3), 0.0).astype(np.float32)
    small = cv2.resize(shown, (_MAP_PX, _MAP_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(np.round(small, 4), 0.0, 1.0), np.float32)


def _right_over_left(darker: DoubleArray, group: IndexArray) -> float | None:
    """Median of the image's right minus the mirrored point; None where no pair faces the camera."""
    apart = darker[group] - darker[mean_face().mirror[group]]
    apart = apart[np.isfinite(apart)]
    return round(float(np.median(apart)), 5) if len(apart) else None
