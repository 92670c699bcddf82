"""Sharpness and grain of a pasted face matched to the face that it covers.

Contrast belongs to the person (freckles are no sharpness): sharpness is read from how fast the spectrum falls, fine detail
over medium detail, not from how much detail there is. Grain is what is left in the flattest parts.
"""

from __future__ import annotations

import cv2
import numpy as np

from likeness.types import FloatArray, ImageArray

LEAST_PIXELS = 400
SOFTEST, SHARPEST = -3.0, 1.0
_BLURS = (0.35, 0.5, 0.7, 0.9, 1.2, 1.6, 2.2, 3.0)
_GAINS = (0.2, 0.4, 0.7, 1.0)
_FINE, _MEDIUM = (
    (0.0, 1.0),
    (1.0, 2.5),
)  # bands: differences of Gaussians, standard deviations in pixels
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_CORE = 0.9


def grain_sigma(grey: FloatArray, mask: FloatArray) -> float:
    """Standard deviation of the noise in grey levels, from the flatter half of what is inside the mask.

    Immerkaer 1996, "Fast noise variance estimation", over pixels whose surroundings have little gradient; 0 for codecs
    that have smoothed everything away. Real texture of the same fineness counts as noise.
    """
    inside = mask > _CORE
    if int(inside.sum()) < LEAST_PIXELS:
        return 0.0
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.5)
    slope = cv2.magnitude(
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
    )
    flat = inside & (slope <= np.median(slope[inside]))
    left = np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE))[flat]
    return float(np.sqrt(np.pi / 2.0) * left.mean() / 6.0)


def fineness(grey: FloatArray, mask: FloatArray, noise: float = 0.0) -> float:
    """Energy of the finest band over that of the next, inside the mask; higher = sharper. 0 where nothing shows.

    Args:
        grey: (h, w) float32 grey levels 0-255.
        mask: (h, w) float32 in [0, 1]; pixels above 0.9 count.
        noise: standard deviation of the grain, whose share is taken off.
    """
    inside = mask > _CORE
    if int(inside.sum()) < LEAST_PIXELS:
        return 0.0
    middle = cv2.GaussianBlur(grey, (0, 0), _FINE[1])
    wide = cv2.GaussianBlur(grey, (0, 0), _MEDIUM[1])
    fine = float(np.square((grey - middle)[inside]).mean()) - 0.8 * noise * noise
    medium = float(np.square((middle - wide)[inside]).mean()) - 0.05 * noise * noise
    return float(np.sqrt(max(fine, 1e-3) / max(medium, 1e-2)))


def fit_sharpness(face: FloatArray, wanted: float, mask: FloatArray) -> float:
    """How to change a grey face so that its `fineness` becomes `wanted`.

    Returns:
        Negative: blur with a Gaussian of that standard deviation in pixels (at most 3). Positive: sharpen by that share of
        the finest band (at most 1). 0: leave it, or there is nothing to go by.
    """
    own = fineness(face, mask, grain_sigma(face, mask))
    if own <= 0.0 or wanted <= 0.0 or abs(np.log(own / wanted)) < 0.05:
        return 0.0
    steps = [-b for b in _BLURS] if own > wanted else list(_GAINS)
    before_step, before = 0.0, own
    for step in steps:
        now = fineness(sharpened(face, step), mask)
        if (now - wanted) * (own - wanted) <= 0.0:  # passed it: between the two
            share = np.log(before / wanted) / max(abs(np.log(before / now)), 1e-6)
            return float(before_step + min(abs(share), 1.0) * (step - before_step))
        before_step, before = step, now
    return float(steps[-1])


def sharpened(image: FloatArray, change: float) -> FloatArray:
    """A float32 picture, (h, w) or (h, w, 3), changed as `fit_sharpness` says."""
    if abs(change) < 0.15:
        return image
    if change < 0.0:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), -change), np.float32)
    fine = image - cv2.GaussianBlur(image, (0, 0), _FINE[1])
    return np.asarray(image + np.float32(2.0 * change) * fine, np.float32)


def with_grain(image: FloatArray, sigma: float, rng: np.random.Generator) -> FloatArray:
    """A float32 (h, w, 3) picture with Gaussian grain of brightness added, `sigma` grey levels."""
    if sigma < 0.2:
        return image
    grain = rng.standard_normal(image.shape[:2], np.float32) * np.float32(sigma)
    return image + grain[..., None]


def grey_of(image: ImageArray | FloatArray) -> FloatArray:
    """(h, w) float32 brightness of an RGB picture in grey levels."""
    return np.asarray(
        cv2.transform(image.astype(np.float32), np.array([[0.299, 0.587, 0.114]], np.float32)),
        np.float32,
    )
