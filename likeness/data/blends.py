"""Pixel operations of the pseudo-fakes: gaps of colour and sharpness, warps, colour match, blending.

Pictures are (h, w, 3) uint8 RGB. What chance decides is drawn into a small dict first, so that the same drawing can be
replayed, written down and applied to two pictures alike.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from likeness.types import DoubleArray, FloatArray, ImageArray

_LUMA = np.array([0.299, 0.587, 0.114])


def draw_colour_gap(rng: np.random.Generator, ranges: Any) -> dict[str, Any]:
    """Draw RGB shift, hue, saturation, value, brightness and contrast, each group with its own probability.

    Args:
        rng: source of chance.
        ranges: anything with the fields of `pseudo_fakes.ColourRanges`.
    """

    def within(limit: float, size: int | None = None) -> Any:
        return np.round(rng.uniform(-limit, limit, size), 4).tolist()

    drawn: dict[str, Any] = {}
    if rng.random() < ranges.shift_p:
        drawn["shift"] = within(ranges.shift, 3)
    if rng.random() < ranges.hsv_p:
        drawn["hsv"] = [within(ranges.hue_deg), within(ranges.saturation), within(ranges.value)]
    if rng.random() < ranges.contrast_p:
        drawn["brightness_contrast"] = [within(ranges.brightness), within(ranges.contrast)]
    return drawn


def apply_colour_gap(image: ImageArray, gap: dict[str, Any], strength: float = 1.0) -> ImageArray:
    """Apply a drawn gap as one affine map of RGB, so that it rounds once and leaves no trace of its own."""
    matrix: DoubleArray = np.eye(3)
    offset: DoubleArray = np.zeros(3)
    if "hsv" in gap:
        hue_deg, saturation, value = (strength * v for v in gap["hsv"])
        matrix = _hue_matrix(hue_deg) @ (
            np.outer(np.ones(3), _LUMA) * -saturation + np.eye(3) * (1 + saturation)
        )
        offset = offset + 255.0 * value
    if "brightness_contrast" in gap:
        brightness, contrast = (strength * v for v in gap["brightness_contrast"])
        matrix, offset = (
            matrix * (1 + contrast),
            offset * (1 + contrast) + 255.0 * (brightness - contrast / 2),
        )
    if "shift" in gap:
        offset = offset + strength * np.asarray(gap["shift"])
    if np.allclose(matrix, np.eye(3)) and np.allclose(offset, 0.0):
        return image
    return cv2.transform(image, np.hstack([matrix, offset[:, None]]))


def draw_sharpness_gap(
    rng: np.random.Generator, sharpen_alpha: tuple[float, float]
) -> dict[str, Any]:
    """Draw one of: down- and upscaling by 2 or 4, sharpening."""
    if rng.random() < 0.5:
        return {"downscale": int(rng.choice([2, 4]))}
    return {"sharpen": round(float(rng.uniform(*sharpen_alpha)), 4)}


def apply_sharpness_gap(
    image: ImageArray, gap: dict[str, Any], strength: float = 1.0
) -> ImageArray:
    """Apply a drawn sharpness gap; `strength` fades between the picture and its changed copy."""
    height, width = image.shape[:2]
    if "downscale" in gap:
        small_wh = (max(1, width // gap["downscale"]), max(1, height // gap["downscale"]))
        small = cv2.resize(image, small_wh, interpolation=cv2.INTER_NEAREST)
        changed = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    elif "sharpen" in gap:
        kernel = np.full((3, 3), -gap["sharpen"], np.float32)
        kernel[1, 1] = 1.0 + 8.0 * gap["sharpen"]
        changed = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    elif "resample" in gap:
        changed = resample(image, gap["resample"])
    else:
        return image
    return (
        changed
        if strength >= 1.0
        else cv2.addWeighted(changed, strength, image, 1.0 - strength, 0.0)
    )


def resample(image: ImageArray, factor: float) -> ImageArray:
    """Shrink by area to `factor` of the size and enlarge again with cubic interpolation."""
    height, width = image.shape[:2]
    if factor >= 1.0:
        return image
    small_wh = (max(2, round(width * factor)), max(2, round(height * factor)))
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def warp_blur(image: ImageArray, factor: float, sigma_px: float) -> ImageArray:
    """What aligning a face to a small square and warping it back does (Li and Lyu 2019): shrink, blur 5x5, enlarge.

    Args:
        image: (h, w, 3) uint8 RGB.
        factor: size of the small picture over this one's; above 1 the blur works at the enlarged size.
        sigma_px: of the 5x5 Gaussian, at the small size.
    """
    height, width = image.shape[:2]
    small_wh = (max(5, round(width * factor)), max(5, round(height * factor)))
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_LINEAR)
    small = cv2.GaussianBlur(small, (5, 5), sigma_px)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def warp_affine(
    image: ImageArray | FloatArray,
    matrix: DoubleArray,
    size_wh: tuple[int, int],
    border: int = cv2.BORDER_REFLECT_101,
) -> Any:
    """Warp by a (2, 3) matrix that takes the picture's pixels to the result's.

    Pictures cubically, because linear interpolation alone would soften the moved one; masks linearly, so that they stay
    within [0, 1].
    """
    flags = cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR
    return cv2.warpAffine(image, matrix, size_wh, flags=flags, borderMode=border)


def fit_affine(source: FloatArray, target: FloatArray) -> DoubleArray:
    """(2, 3) float64 least-squares affine that takes (N, 2) source points to target points."""
    design = np.hstack([source, np.ones((len(source), 1), source.dtype)]).astype(np.float64)
    solution, *_ = np.linalg.lstsq(design, target.astype(np.float64), rcond=None)
    return np.asarray(solution.T, np.float64)


def match_colour(source: ImageArray, target: ImageArray, mask: FloatArray) -> ImageArray:
    """Give `source` the mean and, within a third, the standard deviation per channel that `target` has inside the mask."""
    inside = (mask > 0.5).astype(np.uint8)
    if int(inside.sum()) < 16:
        return source
    (mean_s, std_s), (mean_t, std_t) = (
        cv2.meanStdDev(image, mask=inside) for image in (source, target)
    )
    gain = np.clip(std_t / np.maximum(std_s, 1.0), 0.75, 1.33)
    return cv2.transform(source, np.hstack([np.diag(gain[:, 0]), mean_t - gain * mean_s]))


def relight(source: ImageArray, target: ImageArray, sigma_px: float) -> ImageArray:
    """Give `source` the light of `target`: replace everything coarser than `sigma_px` by the target's."""
    height, width = source.shape[:2]
    factor = min(1.0, 4.0 / sigma_px)
    small_wh = (max(4, round(width * factor)), max(4, round(height * factor)))
    coarse = [
        cv2.GaussianBlur(
            cv2.resize(picture, small_wh, interpolation=cv2.INTER_AREA), (0, 0), sigma_px * factor
        )
        for picture in (source, target)
    ]
    change = cv2.resize(cv2.subtract(coarse[1], coarse[0], dtype=cv2.CV_16S), (width, height))
    return cv2.add(source, change, dtype=cv2.CV_8U)


def sharpness(image: ImageArray, mask: FloatArray | None = None) -> float:
    """Variance of the Laplacian of the grey picture, inside the mask if one is given."""
    edges = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    inside = None if mask is None else (mask > 0.5).astype(np.uint8)
    return float(cv2.meanStdDev(edges, mask=inside)[1][0, 0] ** 2)


def match_sharpness(image: ImageArray, wanted: float, mask: FloatArray | None = None) -> ImageArray:
    """Resample a picture so that its `sharpness` comes nearest to `wanted`; a softer one stays as it is."""
    best, best_gap = image, np.inf
    for factor in (1.0, 0.85, 0.7, 0.55, 0.4, 0.3):
        changed = resample(image, factor)
        gap = abs(np.log((sharpness(changed, mask) + 0.1) / (wanted + 0.1)))
        if gap > best_gap:
            break
        best, best_gap = changed, gap
    return best


def blend(source: ImageArray, target: ImageArray, alpha: FloatArray) -> ImageArray:
    """alpha x source + (1 - alpha) x target, rounded once."""
    return cv2.blendLinear(source, target, alpha, 1.0 - alpha)


def _hue_matrix(angle_deg: float) -> DoubleArray:
    """Rotation of RGB about the grey axis."""
    axis = np.full(3, 1 / np.sqrt(3))
    angle = np.deg2rad(angle_deg)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return (
        np.cos(angle) * np.eye(3)
        + np.sin(angle) * cross
        + (1 - np.cos(angle)) * np.outer(axis, axis)
    )
