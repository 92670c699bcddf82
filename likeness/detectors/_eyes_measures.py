"""Iris colour, reflections and detail of both eyes, and detail inside an open mouth.

Both eyes of a person have, as a rule, irises of one colour and mirror the same lights at the same place. Generators paint each
eye by itself, and face swaps are often too soft for teeth and reflections (Matern, Riess and Stamminger 2019, "Exploiting
Visual Artifacts to Expose Deepfakes and Face Manipulations"). Each eye is cut out upright with an iris radius of 16 px.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.faces.geometry import eye_centres, hull_mask, square_matrix, transform, warp
from likeness.types import DoubleArray, FloatArray, ImageArray

VERSION = "eyes-1"
NAMES = (
    "difference in iris colour, left against right",
    "difference in iris brightness, left against right",
    "distance between the reflections' places in the two eyes",
    "difference in the reflections' size",
    "unlikeness of the light pattern on the two irises",
    "difference in sharpness of the two eyes",
    "detail of the eyes against that of the skin",
    "detail inside the open mouth against that of the skin",
)
UNITS = ("CIELAB", "CIELAB", "iris radii", "log", "", "log", "log", "log")
CLOSED_MOUTH = 0.8
"""What stands for the detail of the mouth where it is closed: about the median of open ones (UTKFace, role train)."""
SIZE_PX = 96
RADIUS = 16.0
"""Iris radius in the cut-out."""
_LEAST_IRIS = 60  # pixels of the cut-out that must show iris
_HIGHLIGHT = 22.0  # lightness above the iris's median
_LEAST_SPOT = 6  # pixels of the cut-out
_MOUTH_OPEN = 0.15  # gap over width of the inner lips (Matern et al.)
_LEAST_MOUTH_PX = 12.0
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Eye:
    """One eye, cut out upright.

    Attributes:
        lab: (96, 96, 3) float32 CIELAB.
        iris: (96, 96) bool, the iris between the lids, without its pupil.
        disc: (96, 96) bool, iris and pupil between the lids.
        colour: (3,) float64 median CIELAB of the iris without reflections.
        spots: (N, 3) float64 reflections, largest first: x, y from the iris centre in iris radii, share of the disc's area.
        radius_px: iris radius in the frame.
    """

    lab: FloatArray
    iris: Mask
    disc: Mask
    colour: DoubleArray
    spots: DoubleArray
    radius_px: float


def iris_radii_px(landmarks_px: npt.NDArray[np.floating]) -> DoubleArray:
    """(2,) radius of the right and left iris in frame pixels: mean distance of its four edge points."""
    points = np.asarray(landmarks_px, np.float64)
    return np.array(
        [
            np.linalg.norm(points[list(group[1:])] - points[group[0]], axis=1).mean()
            for group in (regions.RIGHT_IRIS, regions.LEFT_IRIS)
        ]
    )


def of_face(image: ImageArray, landmarks_px: FloatArray) -> DoubleArray | None:
    """(8,) numbers of `NAMES`; None where one of the irises is hidden, cut off or without any colour.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32.
    """
    eyes = both_eyes(image, landmarks_px)
    if eyes is None:
        return None
    right, left = eyes
    if max(_chroma(right), _chroma(left)) < 1.0:  # a grey picture
        return None
    skin = _skin_detail(image, landmarks_px)
    detail = np.array([_detail(eye.lab[..., 0], eye.disc) for eye in eyes])
    inside = mouth_detail(image, landmarks_px)
    values = (
        float(np.linalg.norm(right.colour[1:] - left.colour[1:])),
        float(abs(right.colour[0] - left.colour[0])),
        *_reflections(right, left),
        1.0 - _same_light(right, left),
        float(abs(detail[0] - detail[1])),
        float(detail.mean() - skin),
        CLOSED_MOUTH if inside is None else inside - skin,
    )
    return np.round(np.array(values), 5)


def both_eyes(image: ImageArray, landmarks_px: FloatArray) -> tuple[Eye, Eye] | None:
    """The subject's right and left eye; None unless enough of both irises is seen."""
    centres = eye_centres(landmarks_px)
    along = centres[1] - centres[0]
    angle = float(np.arctan2(along[1], along[0]))
    radii = iris_radii_px(landmarks_px)
    found = []
    for ring, group, radius in zip(
        (regions.RIGHT_EYE, regions.LEFT_EYE),
        (regions.RIGHT_IRIS, regions.LEFT_IRIS),
        radii,
        strict=True,
    ):
        eye = _one_eye(image, landmarks_px, (ring, group[0]), (float(radius), angle))
        if eye is None:
            return None
        found.append(eye)
    return found[0], found[1]


def _one_eye(
    image: ImageArray,
    landmarks_px: FloatArray,
    lids_and_iris: tuple[regions.Group, int],
    radius_and_angle: tuple[float, float],
) -> Eye | None:
    import cv2

    ring, centre = lids_and_iris
    radius, angle = radius_and_angle
    middle = landmarks_px[centre].astype(np.float64)
    height, width = image.shape[:2]
    if radius < 1.0 or not (
        radius < middle[0] < width - radius and radius < middle[1] < height - radius
    ):
        return None
    matrix = square_matrix((middle[0], middle[1]), radius * SIZE_PX / RADIUS, angle, SIZE_PX)
    crop = warp(image, matrix, SIZE_PX, "replicate")
    lab = np.asarray(cv2.cvtColor(crop.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB))
    lids = hull_mask(
        transform(landmarks_px[list(ring)].astype(np.float64), matrix), (SIZE_PX, SIZE_PX)
    )
    away = _distance()
    disc = (lids > 0.5) & (away < 0.95)
    iris = disc & (away > 0.4) & (away < 0.85)
    if int(iris.sum()) < _LEAST_IRIS:
        return None
    base = float(np.median(lab[..., 0][iris]))
    bright = disc & (lab[..., 0] > base + _HIGHLIGHT)
    plain = iris & ~bright
    if int(plain.sum()) < _LEAST_IRIS // 2:
        return None
    colour = np.median(lab[plain].astype(np.float64), axis=0)
    return Eye(lab, iris, disc, colour, _spots(bright, int(disc.sum())), radius)


def _distance() -> FloatArray:
    """(96, 96) distance from the iris centre in iris radii."""
    row, column = np.indices((SIZE_PX, SIZE_PX)) - (SIZE_PX - 1) / 2.0
    return (np.hypot(row, column) / RADIUS).astype(np.float32)


def _spots(bright: Mask, disc: int) -> DoubleArray:
    import cv2

    count, _, stats, centres = cv2.connectedComponentsWithStats(bright.astype(np.uint8))
    rows = [
        (*((centres[k] - (SIZE_PX - 1) / 2.0) / RADIUS), stats[k, cv2.CC_STAT_AREA] / disc)
        for k in range(1, count)
        if stats[k, cv2.CC_STAT_AREA] >= _LEAST_SPOT
    ]
    return np.array(sorted(rows, key=lambda r: -r[2])).reshape(-1, 3)


def _reflections(right: Eye, left: Eye) -> tuple[float, float]:
    """Distance of the largest reflections (1 where only one eye has any) and difference of their log areas."""
    areas = [float(eye.spots[:, 2].sum()) for eye in (right, left)]
    size = abs(float(np.log(areas[0] + 0.02) - np.log(areas[1] + 0.02)))
    if not len(right.spots) or not len(left.spots):
        return float(len(right.spots) != len(left.spots)), size
    return float(np.linalg.norm(right.spots[0, :2] - left.spots[0, :2])), size


def _same_light(right: Eye, left: Eye) -> float:
    """Correlation of brightness on the two irises, unmirrored: the same lights fall from the same side."""
    shared = right.disc & left.disc
    if int(shared.sum()) < _LEAST_IRIS:
        return 0.0
    a, b = (eye.lab[..., 0][shared].astype(np.float64) for eye in (right, left))
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean() / (spread + 1.0))


def _chroma(eye: Eye) -> float:
    return float(np.abs(eye.lab[..., 1:]).mean())


def mouth_detail(image: ImageArray, landmarks_px: FloatArray) -> float | None:
    """Log detail inside the lips; None unless the mouth is open by 15 % of its width and 12 px wide."""
    inner = landmarks_px[list(regions.LIPS_INNER)].astype(np.float64)
    across = float(np.linalg.norm(inner[0] - inner[10]))
    gap = float(np.linalg.norm(landmarks_px[13] - landmarks_px[14]))
    if across < _LEAST_MOUTH_PX or gap < _MOUTH_OPEN * across:
        return None
    eyes = eye_centres(landmarks_px)
    along = eyes[1] - eyes[0]
    centre = inner.mean(axis=0)
    angle = float(np.arctan2(along[1], along[0]))
    matrix = square_matrix((centre[0], centre[1]), 1.3 * across, angle, SIZE_PX)
    mask = hull_mask(transform(inner, matrix), (SIZE_PX, SIZE_PX)) > 0.9
    if int(mask.sum()) < _LEAST_IRIS:
        return None
    return _detail(_light(warp(image, matrix, SIZE_PX, "replicate")), mask)


def _skin_detail(image: ImageArray, landmarks_px: FloatArray) -> float:
    """Mean log detail of both cheeks, cut out at the scale of the eyes."""
    scale = float(iris_radii_px(landmarks_px).mean()) / RADIUS
    found = []
    for group in (regions.RIGHT_CHEEK, regions.LEFT_CHEEK):
        centre = landmarks_px[list(group)].mean(axis=0).astype(np.float64)
        matrix = square_matrix((centre[0], centre[1]), scale * SIZE_PX, 0.0, SIZE_PX)
        crop = warp(image, matrix, SIZE_PX, "replicate")
        found.append(_detail(_light(crop), _distance() < 1.5))
    return float(np.mean(found))


def _light(crop: ImageArray) -> FloatArray:
    import cv2

    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(2.55))


def _detail(light: FloatArray, where: Mask) -> float:
    """Log of the finest structure that an upscaled cut-out can show over its coarser structure."""
    import cv2

    soft, softer = cv2.GaussianBlur(light, (0, 0), 1.5), cv2.GaussianBlur(light, (0, 0), 4.0)
    fine = float(np.abs(light - soft)[where].mean())
    coarse = float(np.abs(soft - softer)[where].mean())
    return float(np.log(fine + 0.1) - 0.5 * np.log(coarse + 0.1))
