"""What is measured on each face before it is kept or dropped: light, colour, expression, and how like another it is.

All of it from the aligned crop and its landmarks; nothing is learned. Units: luma and CIELAB lightness as 8-bit steps,
distances of the face as shares of a distance that moves with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces import eye_distance_px, hull_mask, regions
from likeness.types import FloatArray, ImageArray, check_array

_LIGHT_PX = 64
_LOOK_PX = 20
_COLOUR_PX = 64
_FAR_TIMES, _FAR_LAB = (
    5.0,
    14.0,
)  # of its usual deviation, and in CIELAB: then a point is unlike itself
_FEATURES = (
    regions.RIGHT_EYE + regions.RIGHT_BROW,
    regions.LEFT_EYE + regions.LEFT_BROW,
    regions.LIPS_OUTER,
)
_BURNT, _BLACK = 250, 12
# Outline, brows, eyes, nose and mouth: the places that tell two moments of a face apart.
_SHAPE = (*regions.IBUG_68, regions.RIGHT_IRIS[0], regions.LEFT_IRIS[0])


@dataclass(frozen=True, eq=False)
class Descriptors:
    """What the faces of a set are compared by, N rows each.

    Attributes:
        shapes: (N, K) float32, see `shape_vectors`.
        looks: (N, L) float32, see `look_vectors`.
        colours: (N, 468, 3) float32, see `mesh_colours`.
    """

    shapes: FloatArray
    looks: FloatArray
    colours: FloatArray

    def __len__(self) -> int:
        return len(self.shapes)


def descriptors(images: ImageArray, landmarks_px: FloatArray) -> Descriptors:
    """Of (N, S, S, 3) crops with (N, 478, 2) landmarks."""
    colours = [mesh_colours(i, p) for i, p in zip(images, landmarks_px, strict=True)]
    return Descriptors(
        shape_vectors(landmarks_px, images.shape[1]),
        look_vectors(images),
        np.stack(colours) if colours else np.zeros((0, 468, 3), np.float32),
    )


def light_and_colour(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> dict[str, float]:
    """How one face is lit and coloured, on its skin (the oval without eyes, brows and mouth).

    Args:
        image: (S, S, 3) uint8 RGB crop.
        landmarks_px: (478, 2) in crop pixels.

    Returns:
        brightness: mean luma, 0-255; contrast: 5th to 95th percentile of luma over the oval, features included;
        burnt, black: share of the skin at luma >= 250 and <= 12; unevenness: difference of the mean luma of the two
        halves over their sum, 0-1; skin_a, skin_b: median CIELAB a and b of the skin, 0 = grey.
    """
    import cv2

    check_array("image", image, (None, None, 3), np.uint8)
    scale = _LIGHT_PX / image.shape[0]
    small = cv2.resize(image, (_LIGHT_PX, _LIGHT_PX), interpolation=cv2.INTER_AREA)
    points = (np.asarray(landmarks_px, np.float64) + 0.5) * scale - 0.5
    size = (_LIGHT_PX, _LIGHT_PX)
    oval = hull_mask(points[list(regions.FACE_OVAL)], size) > 0.5
    skin = oval.copy()
    for group in _FEATURES:
        skin &= hull_mask(points[list(group)], size) < 0.1
    if skin.sum() < 20:
        skin = oval if oval.any() else np.ones_like(oval)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)[skin]
    face = luma[oval] if oval.any() else luma.ravel()
    middle = float(points[[10, 152, 168, 6, 2], 0].mean())
    right = np.arange(_LIGHT_PX)[None] < middle
    halves = [luma[skin & side] for side in (right, ~right)]
    means = [float(h.mean()) if len(h) > 10 else float(luma[skin].mean()) for h in halves]
    low, high = np.percentile(face, (5, 95))
    return {
        "brightness": float(luma[skin].mean()),
        "contrast": float(high - low),
        "burnt": float((luma[skin] >= _BURNT).mean()),
        "black": float((luma[skin] <= _BLACK).mean()),
        "unevenness": abs(means[0] - means[1]) / max(sum(means), 1.0),
        "skin_a": float(np.median(lab[:, 1])),
        "skin_b": float(np.median(lab[:, 2])),
    }


def expression(landmarks_px: npt.NDArray[np.floating]) -> dict[str, FloatArray]:
    """Expression of N faces as ratios that head turns change little, from (N, 478, 2) landmarks.

    Returns:
        (N,) float32 each. mouth_opening: gap between the lips over the length of the nose (0 = closed); mouth_width:
        corner to corner over the distance of the eyes; brow_height: brows above the eyes over the length of the nose.
    """
    p = np.reshape(np.asarray(landmarks_px, np.float64), (-1, 478, 2))
    nose = np.maximum(_distance(p, 168, 2), 1e-6)
    eyes = np.maximum(eye_distance_px(p), 1e-6)
    brows = (_distance(p, 105, 159) + _distance(p, 334, 386)) / 2
    return {
        "mouth_opening": (_distance(p, 13, 14) / nose).astype(np.float32),
        "mouth_width": (_distance(p, 61, 291) / eyes).astype(np.float32),
        "brow_height": (brows / nose).astype(np.float32),
    }


def shape_vectors(landmarks_px: npt.NDArray[np.floating], size_px: int) -> FloatArray:
    """(N, K) float32 for near-duplicates: 70 landmarks of (N, 478, 2) crop landmarks, in percent of the crop's side.

    The root mean square difference of two rows times sqrt(2) is the mean displacement of a landmark, in percent.
    """
    p = np.reshape(np.asarray(landmarks_px, np.float32), (-1, 478, 2))[:, list(_SHAPE)]
    return np.ascontiguousarray(p.reshape(len(p), 2 * len(_SHAPE)) * np.float32(100.0 / size_px))


def look_vectors(images: Sequence[ImageArray] | ImageArray) -> FloatArray:
    """(N, L) float32 for near-duplicates: the crop in grey at 20 px, mean 0 and deviation 1."""
    import cv2

    rows = []
    for image in images:
        grey = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (_LOOK_PX, _LOOK_PX), interpolation=cv2.INTER_AREA)
        flat = small.astype(np.float32).ravel()
        rows.append((flat - flat.mean()) / (flat.std() + 4.0))
    return np.stack(rows) if rows else np.zeros((0, _LOOK_PX * _LOOK_PX), np.float32)


def mesh_colours(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> FloatArray:
    """(468, 3) float32 CIELAB at the mesh points of a crop, less their median, so that light and tint drop out."""
    import cv2

    small = cv2.resize(image, (_COLOUR_PX, _COLOUR_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    points = np.asarray(landmarks_px, np.float64)[:468] + 0.5
    at = np.rint(points * (_COLOUR_PX / image.shape[0]) - 0.5)
    x, y = np.clip(at, 0, _COLOUR_PX - 1).astype(np.int64).T
    colours = lab[y, x]
    return np.asarray(colours - np.median(colours, axis=0), np.float32)


def unlike_share(colours: FloatArray) -> FloatArray:
    """(N,) float32 share of the mesh points of each face that have another colour than in the rest of the set.

    A point of the mesh is the same place of the person in every pose, so its colour varies little; something that lies in
    front of the face changes it. Hands of the same colour as the skin behind them are hardly seen.

    Args:
        colours: (N, 468, 3) float32 of `mesh_colours`, of one person.
    """
    if not len(colours):
        return np.zeros(0, np.float32)
    distance = np.linalg.norm(colours - np.median(colours, axis=0), axis=2)
    usual = np.median(distance, axis=0)
    far = (distance > _FAR_TIMES * usual) & (distance > _FAR_LAB)
    return np.asarray(far.mean(axis=1), np.float32)


def _distance(points: npt.NDArray[np.float64], a: int, b: int) -> npt.NDArray[np.float64]:
    return np.asarray(np.linalg.norm(points[:, a] - points[:, b], axis=-1), np.float64)
