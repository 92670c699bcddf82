"""Ears left against right: what generators paint by halves and nobody looks at.

The face mesh has no points on ears. They are looked for beside the outline of the face, between the height of the eyes and that
of the nose's base, in an upright cut-out in which the face is 160 px wide. An ear is taken for seen where most of that
place has the colour of the face's skin and what lies farther out has not; hair, hats, earphones and the picture's edge end
it. Matern, Riess and Stamminger 2019 ("Exploiting Visual Artifacts") name unlike ears and earrings among the traces of
generators. Each ear's tone is taken against that of the cheek on its side, so that light from one side alone says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.errors import UsageError
from likeness.faces import regions
from likeness.faces.geometry import eye_centres, hull_mask, invert, square_matrix, transform, warp
from likeness.faces.patch import group_mask, oval_mask
from likeness.types import DoubleArray, FloatArray, ImageArray

NAMES = (
    "ears: difference in tone, left against right",
    "ears: difference in detail, left against right",
    "ears: unlikeness of their shapes, one mirrored",
)
UNITS = ("CIELAB", "log", "")
LEAST_EYES_PX = 48.0
MOST_YAW_DEG = 10.0
SIZE_PX = 256
_FACE_PX = 160.0  # between the two points of the outline before the ears
_RIGHT, _LEFT = 234, 454
_NOSE_BASE = 2
_NEAR, _FAR, _BEYOND = 0.0, 0.085, 0.24  # from the outline outwards, in widths of the face
_TILE_WH = (16, 56)
_LEAST_SKIN, _MOST_BEYOND = 0.6, 0.4
_DARKER, _LIGHTER, _OTHER_TONE = (
    45.0,
    34.0,
    16.0,
)  # CIELAB steps from the inner face: more is no ear
_SHIFT_PX, _SHIFT_X_PX = 5, 3
_FULL = 25.0  # steps of lightness at which the map is nearly full
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ears:
    """Both ears of one face in one frame.

    Attributes:
        values: (3,) float64 in the order of `NAMES`.
        maps: (2, 14, 4) float32 in [0, 1]: where the right and the left ear differ from the other one, mirrored.
        tiles_px: (2, 4, 2) float32 where the subject's right and left ear lie in the frame: corners from the top left.
    """

    values: DoubleArray
    maps: FloatArray
    tiles_px: FloatArray


def of_face(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> Ears | None:
    """Compare the ears; None unless both are seen as a whole.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) of a face that looks towards the camera.
    """
    import cv2

    points = np.asarray(landmarks_px, np.float64)
    width = float(np.linalg.norm(points[_LEFT] - points[_RIGHT]))
    along = np.subtract(*eye_centres(points)[::-1])
    middle = points[[_RIGHT, _LEFT]].mean(axis=0)
    if width < 8.0:
        return None
    angle = float(np.arctan2(along[1], along[0]))
    try:
        matrix = square_matrix((middle[0], middle[1]), width * SIZE_PX / _FACE_PX, angle, SIZE_PX)
        crop = warp(image, matrix, SIZE_PX, "replicate")
    except UsageError:
        return None
    place = transform(points, matrix)
    lab = np.asarray(cv2.cvtColor(crop.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB))
    skin = _ear_like(lab, _inner(place))
    sides = [_one(place, side) for side in (_RIGHT, _LEFT)]
    back = invert(matrix)
    corners = np.stack([transform(tile, back) for tile, _ in sides])
    size = np.array([image.shape[1] - 1, image.shape[0] - 1])
    if (corners < 0).any() or (corners > size).any():
        return None
    if not all(_seen(skin, tile, beyond) for tile, beyond in sides):
        return None
    tiles = [tile for tile, _ in sides]
    lights = [_flat(_cut(lab, tile)[..., 0], _cut(skin, tile)) for tile in tiles]
    lights[1] = np.ascontiguousarray(lights[1][:, ::-1])
    values = (
        _tone_apart(lab, skin, place, tiles),
        _detail_apart(lab, tiles),
        1.0 - _alike(*lights),
    )
    return Ears(np.round(np.array(values), 5), _maps(*lights), corners.astype(np.float32))


def _inner(place: DoubleArray) -> Mask:
    """(256, 256) bool the inner face without eyes and lips: where the colour of its skin is read."""
    wh = (SIZE_PX, SIZE_PX)
    dark = [group_mask(place, group, wh, 1.15) for group in _FEATURES]
    return np.asarray((oval_mask(place, wh, 0.75) > 0.5) & (np.maximum.reduce(dark) < 0.1))


def _ear_like(lab: FloatArray, inner: Mask) -> Mask:
    """(256, 256) bool: near the tone of the inner face; darker than it is allowed, as ears lie in the shade of the head."""
    apart = lab - np.median(lab[inner], axis=0) if inner.any() else lab
    light = (apart[..., 0] > -_DARKER) & (apart[..., 0] < _LIGHTER)
    return np.asarray(light & (np.abs(apart[..., 1:]) < _OTHER_TONE).all(axis=-1))


_FEATURES = (
    regions.RIGHT_EYE + regions.RIGHT_BROW,
    regions.LEFT_EYE + regions.LEFT_BROW,
    regions.LIPS_OUTER,
)


def _one(place: DoubleArray, side: int) -> tuple[DoubleArray, DoubleArray]:
    """(4, 2) corners of an ear's place and of what lies beyond it, from the top left, in the cut-out."""
    outwards = -1.0 if side == _RIGHT else 1.0
    top = float(place[[33, 263], 1].mean())
    bottom = float(place[_NOSE_BASE, 1]) + 0.04 * _FACE_PX
    near, far, beyond = (place[side, 0] + outwards * _FACE_PX * d for d in (_NEAR, _FAR, _BEYOND))
    return _box(near, far, top, bottom), _box(far + 0.06 * outwards * _FACE_PX, beyond, top, bottom)


def _box(a: float, b: float, top: float, bottom: float) -> DoubleArray:
    left, right = min(a, b), max(a, b)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _seen(skin: Mask, tile: DoubleArray, beyond: DoubleArray) -> bool:
    return _share(skin, tile) >= _LEAST_SKIN and _share(skin, beyond) <= _MOST_BEYOND


def _share(mask: Mask, box: DoubleArray) -> float:
    part = _cut(mask, box)
    return float(part.mean()) if part.size else 0.0


def _cut(values: npt.NDArray[np.generic], box: DoubleArray) -> npt.NDArray[np.generic]:
    (x0, y0), (x1, y1) = np.rint(np.clip([box[0], box[2]], 0, SIZE_PX)).astype(int)
    return values[y0:y1, x0:x1]


def _tone_apart(lab: FloatArray, skin: Mask, place: DoubleArray, tiles: list[DoubleArray]) -> float:
    """How differently the two ears stand off from the cheek on their side, in chroma."""
    tones = []
    for tile, cheek in zip(tiles, (regions.RIGHT_CHEEK, regions.LEFT_CHEEK), strict=True):
        ear = np.median(_cut(lab, tile)[_cut(skin, tile).astype(bool)], axis=0)
        on_cheek = hull_mask(place[list(cheek)], (SIZE_PX, SIZE_PX)) > 0.5
        tones.append((ear - np.median(lab[on_cheek], axis=0))[1:])
    return float(np.linalg.norm(tones[0] - tones[1]))


def _detail_apart(lab: FloatArray, tiles: list[DoubleArray]) -> float:
    import cv2

    found = []
    for tile in tiles:
        light = np.asarray(_cut(lab, tile)[..., 0], np.float32)
        fine = np.abs(light - cv2.GaussianBlur(light, (0, 0), 2.0)).mean()
        found.append(float(np.log(fine + 0.2)))
    return abs(found[0] - found[1])


def _flat(light: npt.NDArray[np.generic], skin: npt.NDArray[np.generic]) -> FloatArray:
    """(56, 16) float32 lightness of an ear without its broad light; what is no ear is filled with its median."""
    import cv2

    values, there = np.asarray(light, np.float32), np.asarray(skin, np.bool_)
    filled = np.where(there, values, np.median(values[there])).astype(np.float32)
    tile = cv2.resize(filled, _TILE_WH, interpolation=cv2.INTER_AREA)
    return np.asarray(tile - cv2.GaussianBlur(tile, (0, 0), 8.0), np.float32)


def _alike(a: FloatArray, b: FloatArray) -> float:
    """Largest correlation of two tiles, one moved by up to five pixels up or down and three across."""
    import cv2

    inner = np.ascontiguousarray(b[_SHIFT_PX:-_SHIFT_PX, _SHIFT_X_PX:-_SHIFT_X_PX])
    found = cv2.matchTemplate(a, inner, cv2.TM_CCOEFF_NORMED)
    return float(np.clip(found.max(), -1.0, 1.0))


def _maps(right: FloatArray, mirrored_left: FloatArray) -> FloatArray:
    import cv2

    apart = np.tanh(np.abs(right - mirrored_left) / _FULL)
    small = cv2.resize(apart, (_TILE_WH[0] // 4, _TILE_WH[1] // 4), interpolation=cv2.INTER_AREA)
    return np.round(np.stack([small, small[:, ::-1]]), 4).astype(np.float32)
