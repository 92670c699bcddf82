"""Align a face to a square crop, and the exact inverse: paste it back.

Coordinates have pixel centres at whole numbers, as OpenCV's warps have; a (2, 3) matrix takes frame pixels to crop pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import ShapeError, UsageError
from likeness.faces import regions
from likeness.types import (
    LANDMARK_COUNT,
    DoubleArray,
    FaceCrop,
    FloatArray,
    ImageArray,
    check_array,
)

_OVAL = list(regions.FACE_OVAL)
_RIGHT = list(regions.RIGHT_EYE_CORNERS)
_LEFT = list(regions.LEFT_EYE_CORNERS)


def eye_centres(landmarks_px: npt.NDArray[np.floating]) -> DoubleArray:
    """(..., 2, 2) centres of the subject's right and left eye (midpoints of the eye corners) of (..., 478, 2)."""
    points = np.asarray(landmarks_px, np.float64)
    return np.stack(
        [points[..., _RIGHT, :].mean(axis=-2), points[..., _LEFT, :].mean(axis=-2)], axis=-2
    )


def eye_distance_px(landmarks_px: npt.NDArray[np.floating]) -> DoubleArray:
    """(...) distance between the eye centres of (..., 478, 2) landmarks, in pixels."""
    eyes = eye_centres(landmarks_px)
    return np.asarray(np.linalg.norm(eyes[..., 1, :] - eyes[..., 0, :], axis=-1), np.float64)


def face_box(landmarks_px: npt.NDArray[np.floating]) -> FloatArray:
    """(..., 4) xyxy box round the 468 mesh points of (..., 478, 2) landmarks; the forehead is included."""
    mesh = np.asarray(landmarks_px)[..., :468, :]
    box = np.concatenate([mesh.min(axis=-2), mesh.max(axis=-2)], axis=-1)
    return np.asarray(box, np.float32)


def square_matrix(
    centre_px: Sequence[float], side_px: float, angle_rad: float, size_px: int
) -> DoubleArray:
    """(2, 3) similarity that takes a turned square of the frame to a crop of `size_px` pixels, corner to corner.

    Args:
        centre_px: x, y of the square's centre in the frame.
        side_px: its side in frame pixels.
        angle_rad: direction of its upper edge; positive = clockwise in the image.
        size_px: side of the crop.
    """
    scale = size_px / side_px
    cos, sin = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    linear = np.array([[cos, sin], [-sin, cos]])
    offset = (size_px - 1) / 2.0 - linear @ np.asarray(centre_px, np.float64)
    return np.concatenate([linear, offset[:, None]], axis=1)


def align_matrix(
    landmarks_px: npt.NDArray[np.floating], size_px: int = 160, margin: float = 0.25
) -> DoubleArray:
    """(2, 3) float64 similarity, frame pixels to crop pixels, that sets a face upright by its eye line.

    The box of the mesh in upright coordinates (forehead included) is expanded by `margin` of its width and height on
    each side, then to a square about its centre.

    Raises:
        ShapeError: landmarks are not (478, 2).
        UsageError: the landmarks span no area, or `size_px` or `margin` is impossible.
    """
    points = np.asarray(landmarks_px, np.float64)
    check_array("landmarks_px", points, (LANDMARK_COUNT, 2), np.float64)
    if size_px < 2 or not 0.0 <= margin <= 4.0:
        raise UsageError(f"align: size_px {size_px} must be >= 2 and margin {margin} within 0-4")
    eyes = eye_centres(points)
    along = eyes[1] - eyes[0]
    angle = float(np.arctan2(along[1], along[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    upright = points[:468] @ np.array([[cos, -sin], [sin, cos]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    side = float((high - low).max()) * (1.0 + 2.0 * margin)
    if not np.isfinite(side) or side < 1e-3:
        raise UsageError("align: the landmarks span no area")
    centre = np.array([[cos, -sin], [sin, cos]]) @ ((low + high) / 2.0)
    return square_matrix((float(centre[0]), float(centre[1])), side, angle, size_px)


def invert(matrix: npt.NDArray[np.floating]) -> DoubleArray:
    """(2, 3) inverse of a (2, 3) affine."""
    linear = np.linalg.inv(np.asarray(matrix[:, :2], np.float64))
    return np.concatenate([linear, -(linear @ matrix[:, 2:])], axis=1)


def transform(
    points: npt.NDArray[np.floating], matrix: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """(..., 2) points taken through a (2, 3) affine."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def warp(
    image: ImageArray, matrix: DoubleArray, size_px: int, edge: str = "reflect", cubic: bool = True
) -> ImageArray:
    """(size_px, size_px, 3) crop of an image through a (2, 3) affine, anti-aliased when it shrinks.

    Shrinking first halves the needed part of the picture by area as often as it goes, then smooths as much as the
    remaining factor (below 2) asks for. `edge` says what lies outside the picture: reflect, replicate or black;
    networks that were trained on linear interpolation ask for `cubic=False`.
    """
    import cv2

    border = {
        "reflect": cv2.BORDER_REFLECT,
        "replicate": cv2.BORDER_REPLICATE,
        "black": cv2.BORDER_CONSTANT,
    }[edge]
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.95:
        image, matrix = _reduced(image, matrix, size_px, scale)
    flags = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    crop = cv2.warpAffine(image, matrix, (size_px, size_px), flags=flags, borderMode=border)
    return np.asarray(crop, np.uint8)


def _reduced(
    image: ImageArray, matrix: DoubleArray, size_px: int, scale: float
) -> tuple[ImageArray, DoubleArray]:
    """The part of the picture under the crop, halved as often as it goes, and the matrix that fits it."""
    import cv2

    block = 2 ** int(np.log2(1.0 / scale) + 0.05)
    (left, right), (top, bottom) = _needed(image, matrix, size_px, 4.0 / scale, block)
    part: npt.NDArray[Any] = image[top:bottom, left:right]
    small_wh = (max(1, (right - left) // block), max(1, (bottom - top) // block))
    step = block
    while step > 1:  # halving is several times faster than one reduction by the whole factor
        step //= 2
        part = cv2.resize(
            part, (small_wh[0] * step, small_wh[1] * step), interpolation=cv2.INTER_AREA
        )
    rest = 1.0 / min(1.0, scale * block)
    sigma = float(np.sqrt(0.12 * (rest * rest - 1.0)))
    if sigma > 0.15:
        part = cv2.GaussianBlur(part, (3, 3), sigma)
    # reduced = (frame - corner + 0.5) / block - 0.5
    linear = matrix[:, :2] * block
    corner = np.array([left, top], np.float64)
    shift = matrix[:, 2] + matrix[:, :2] @ (corner - 0.5 + 0.5 * block)
    return np.asarray(part, np.uint8), np.concatenate([linear, shift[:, None]], axis=1)


def _needed(
    image: ImageArray, matrix: DoubleArray, size_px: int, reach: float, block: int
) -> list[tuple[int, int]]:
    """Columns and rows of the picture that the crop reads, in whole blocks (up to the picture's edge)."""
    far = size_px - 1
    corners = transform(np.array([[0, 0], [far, 0], [far, far], [0, far]]), invert(matrix))
    spans = []
    for axis, length in ((0, image.shape[1]), (1, image.shape[0])):
        low, high = float(corners[:, axis].min()) - reach, float(corners[:, axis].max()) + reach
        # What sticks out on one side is reflected from as far inside.
        low, high = min(low, length - 1 - (high - length)), max(high, -low)
        start = int(np.clip(np.floor(low), 0, length - 1))
        stop = int(np.clip(np.ceil(high) + 1, start + 1, length))
        odd = (stop - start) % block
        if odd and stop - odd > start:
            grow = min(block - odd, length - stop)
            stop += grow
            odd = (stop - start) % block
            start -= min(start, (block - odd) % block)
            stop -= (stop - start) % block
        spans.append((start, stop))
    return spans


def hull_mask(points_px: npt.NDArray[np.floating], size_wh: tuple[int, int]) -> FloatArray:
    """(H, W) float32 in [0, 1]: the convex hull of (K, 2) points, with an anti-aliased edge."""
    import cv2

    hull = cv2.convexHull(np.asarray(points_px, np.float32))
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    fixed = np.round(np.clip(hull, -30000, 30000) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / np.float32(255)


def align(
    image: ImageArray,
    landmarks_px: npt.NDArray[np.floating],
    size_px: int = 160,
    margin: float = 0.25,
) -> FaceCrop:
    """Cut out one face, upright by its eye line, with the mask of the face oval.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) in frame pixels.
        size_px: side of the crop.
        margin: share of the mesh box that is added on each side.

    Example:
        >>> from skimage import data
        >>> from likeness.faces import align, find_faces
        >>> image = data.astronaut()
        >>> crop = align(image, find_faces(image).landmarks_px[0])
        >>> crop.image.shape
        (160, 160, 3)

    Raises:
        ShapeError, UsageError: as `align_matrix`.
    """
    check_array("image", image, (None, None, 3), np.uint8)
    matrix = align_matrix(landmarks_px, size_px, margin)
    oval = transform(np.asarray(landmarks_px, np.float64)[_OVAL], matrix)
    return FaceCrop(warp(image, matrix, size_px), hull_mask(oval, (size_px, size_px)), matrix)


def paste(image: ImageArray, crop: FaceCrop) -> ImageArray:
    """Put a crop back where it came from; pixels outside its mask stay bit-identical.

    Args:
        image: (H, W, 3) uint8 RGB, the picture (or one of its size) that the crop was cut from.
        crop: what `align` returned, perhaps with another image and mask.

    Returns:
        A new (H, W, 3) uint8 array.
    """
    import cv2

    check_array("image", image, (None, None, 3), np.uint8)
    height, width = image.shape[:2]
    size = crop.image.shape[0]
    back = invert(crop.matrix)
    corners = transform(np.array([[0, 0], [size, 0], [size, size], [0, size]]) - 0.5, back)
    low = np.clip(np.floor(corners.min(axis=0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, (width, height)).astype(int)
    result = image.copy()
    if (high <= low).any():
        return result
    local = back.copy()
    local[:, 2] -= low
    wh = (int(high[0] - low[0]), int(high[1] - low[1]))
    face = cv2.warpAffine(
        crop.image, local, wh, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    alpha = cv2.warpAffine(crop.mask, local, wh, flags=cv2.INTER_LINEAR)[:, :, None]
    part = result[low[1] : high[1], low[0] : high[0]]
    blend = part + alpha * (face.astype(np.float32) - part)
    part[:] = np.where(alpha > 0, np.clip(np.rint(blend), 0, 255), part).astype(np.uint8)
    return result


def corners_px(crop: FaceCrop) -> FloatArray:
    """(4, 2) float32 where the crop's corners lie in the frame: top-left, top-right, bottom-right, bottom-left."""
    size = crop.image.shape[0]
    if size < 1:
        raise ShapeError("crop.image", "at least one pixel", f"{size} px")
    square = np.array([[0, 0], [size, 0], [size, size], [0, size]]) - 0.5
    return transform(square, invert(crop.matrix)).astype(np.float32)
