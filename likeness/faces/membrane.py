"""Seamless insertion: the difference at the rim, spread over the face as smoothly as can be.

Poisson image editing (Perez, Gangnet and Blake 2003) adds to the pasted part a membrane: the solution of Laplace's
equation that takes the values of the difference at the rim. Solved literally it drags whatever lies under the rim (a strand
of hair, an ear-ring, the background) across the cheek, and it trembles when the rim does. Here the rim pulls with springs
instead: a value far from the others pulls weakly, and the membrane is a small array that can be smoothed over time.
"""

from __future__ import annotations

import cv2
import numpy as np

from likeness.types import FloatArray, ImageArray

SIZE = 64
_SWEEPS = {8: 60, 16: 40, 32: 30, 64: 20}
_SPRING = 4.0
_TRIM = 2.0
_CROSS = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)


def fit_membrane(generated: ImageArray, target: ImageArray, alpha: FloatArray) -> FloatArray:
    """What to add to `generated` so that it meets `target` at the rim of `alpha`.

    Args:
        generated, target: (S, S, 3) uint8 RGB.
        alpha: (S, S) float32 in [0, 1] that the two are going to be blended with.

    Returns:
        (64, 64, 3) float32 grey levels; zero where the mask has no rim.
    """
    rim = alpha * (1.0 - alpha) * 4.0
    weight = cv2.resize(rim, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    if float(weight.sum()) < 1.0:
        return np.zeros((SIZE, SIZE, 3), np.float32)
    gap = (target.astype(np.float32) - generated.astype(np.float32)) * rim[..., None]
    gap = cv2.resize(gap, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    gap = gap / np.maximum(weight, 1e-3)[..., None]
    spring = _SPRING * np.minimum(weight, 1.0) * _trust(gap, weight)
    return _solved(gap, spring)


def add_membrane(
    image: ImageArray,
    membrane: FloatArray,
    strength: float = 1.0,
    corner: tuple[int, int] = (0, 0),
    size_px: int | None = None,
) -> ImageArray:
    """A picture with a membrane added.

    Args:
        image: (h, w, 3) uint8 RGB, a crop or a part of one.
        membrane: what `fit_membrane` found for the whole crop.
        strength: share of it that is added.
        corner: x, y of the part's first pixel in the crop.
        size_px: side of the crop; default: the picture is the whole of it.
    """
    scale = SIZE / (size_px or image.shape[0])
    shift = [(c + 0.5) * scale - 0.5 for c in corner]
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    wh = (image.shape[1], image.shape[0])
    wide = cv2.warpAffine(
        membrane * np.float32(strength), matrix, wh, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.add(image, wide, dtype=cv2.CV_8U), np.uint8)


def _trust(gap: FloatArray, weight: FloatArray) -> FloatArray:
    """(64, 64) 1 where the gap is like that of the rim round it, towards 0 where it is not (Cauchy weights).

    "Round it" is a wide window: light from one side makes the gaps of the two cheeks differ, and rightly so.
    """
    seen = weight > 0.05
    wide = cv2.GaussianBlur(gap * weight[..., None], (0, 0), SIZE / 8.0)
    usual = wide / np.maximum(cv2.GaussianBlur(weight, (0, 0), SIZE / 8.0), 1e-3)[..., None]
    off = np.linalg.norm(gap - usual, axis=-1)
    spread = max(1.4826 * float(np.median(off[seen])), 3.0) if seen.any() else 3.0
    return np.asarray(1.0 / (1.0 + (off / (_TRIM * spread)) ** 2), np.float32)


def _solved(gap: FloatArray, spring: FloatArray) -> FloatArray:
    """Jacobi sweeps from coarse to fine; springs of strength 0 leave pure Laplace."""
    pulled = gap * spring[..., None]
    mean = pulled.sum(axis=(0, 1)) / max(float(spring.sum()), 1e-6)
    found = np.broadcast_to(mean, (8, 8, 3)).astype(np.float32)
    for size, sweeps in _SWEEPS.items():
        scale = (SIZE / size) ** 2  # a coarse cell holds the springs of all its fine ones
        wide = (size, size)
        load = cv2.resize(pulled, wide, interpolation=cv2.INTER_AREA) * np.float32(scale)
        pull = cv2.resize(spring, wide, interpolation=cv2.INTER_AREA) * np.float32(scale)
        found = cv2.resize(found, wide, interpolation=cv2.INTER_LINEAR)
        share = (1.0 / (1.0 + pull))[..., None]
        for _ in range(sweeps):
            around = cv2.filter2D(found, -1, _CROSS, borderType=cv2.BORDER_REPLICATE)
            found = (around + load) * share
    return np.asarray(found, np.float32)
