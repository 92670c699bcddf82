"""Colour of a pasted face fitted to the face that it covers.

Every method is a fit that gives a small array, and a function that applies it. The arrays, not the pictures, are smoothed
over time: a linear mixture of two fits is a fit between them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np

from likeness.errors import ConfigError
from likeness.faces import regions
from likeness.faces.geometry import hull_mask
from likeness.types import DoubleArray, FloatArray, ImageArray

ColourMethod = Literal["none", "mean_std_lab", "mkl", "histogram", "blur_ratio"]
LEAST_PIXELS = 64.0
_GAIN = (0.75, 1.25)  # more would turn freckles into spots: spread is also a matter of who it is
_RATIO = (0.5, 2.0)
_STEPS = 64
_TRIM = 3.0  # robust standard deviations; beyond are hair, glasses, a hand
_FEATURES = (
    regions.RIGHT_EYE + regions.RIGHT_BROW,
    regions.LEFT_EYE + regions.LEFT_BROW,
    regions.LIPS_OUTER,
)


def skin_weight(
    generated: ImageArray, target: ImageArray, mask: FloatArray, landmarks_px: FloatArray | None
) -> FloatArray:
    """(S, S) float32 in {0, 1}: where both crops show skin inside the mask.

    Eyes, brows and lips are left out, and in either crop whatever is far from its own median: hair, glasses or a hand in
    front of the face would otherwise bleed into the colour of the whole.
    """
    size = mask.shape[0]
    weight = (mask > 0.5).astype(np.float32)
    if landmarks_px is not None:
        for group in _FEATURES:
            weight *= hull_mask(landmarks_px[list(group)], (size, size)) < 0.1
    if weight.sum() < LEAST_PIXELS:
        return weight
    for image in (generated, target):
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
        inside = lab[weight > 0]
        middle = np.median(inside, axis=0)
        spread = np.maximum(1.4826 * np.median(np.abs(inside - middle), axis=0), (6.0, 3.0, 3.0))
        far = (np.abs(lab - middle) > _TRIM * spread).any(axis=-1)
        kept = weight * ~far
        weight = kept if kept.sum() >= LEAST_PIXELS else weight
    return weight


def fit_colour(
    method: ColourMethod, generated: ImageArray, target: ImageArray, weight: FloatArray
) -> FloatArray:
    """What `apply_colour` needs to give `generated` the colours of `target`, both (S, S, 3) uint8 RGB.

    Args:
        method: `mean_std_lab` mean and standard deviation in CIELAB (Reinhard et al. 2001); `mkl` the linear
            Monge-Kantorovich map of the RGB covariances (Pitie and Kokaram 2007); `histogram` per channel; `blur_ratio`
            the ratio of the two faces' coarse parts, so that light and shade come from the target; `none`.
        generated, target: crops of the same face box.
        weight: (S, S) float32 pixels to fit on, see `skin_weight`; with fewer than `LEAST_PIXELS` nothing changes.

    Returns:
        float32: (3, 4) for the first two, (3, 256) for `histogram`, (32, 32, 3) for `blur_ratio`, (0,) for `none`.

    Raises:
        ConfigError: unknown method.
    """
    if method == "none":
        return np.zeros(0, np.float32)
    if method not in _FITS:
        raise ConfigError(f"colour: expected one of none, {', '.join(_FITS)}, got {method!r}")
    return np.asarray(_FITS[method][0](generated, target, weight), np.float32)


def apply_colour(method: ColourMethod, image: ImageArray, fit: FloatArray) -> ImageArray:
    """(S, S, 3) uint8 RGB with a fit of `fit_colour` (or a mixture of several) applied."""
    return image if method == "none" else np.asarray(_FITS[method][1](image, fit), np.uint8)


def _few(weight: FloatArray) -> bool:
    return float(weight.sum()) < LEAST_PIXELS


def _lab(image: ImageArray) -> FloatArray:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB), np.float32)


def _fit_lab(generated: ImageArray, target: ImageArray, weight: FloatArray) -> FloatArray:
    if _few(weight):
        return np.eye(3, 4, dtype=np.float32)
    inside = weight > 0
    a, b = _lab(generated)[inside], _lab(target)[inside]
    gain = np.clip(b.std(axis=0) / np.maximum(a.std(axis=0), 0.5), *_GAIN)
    offset = b.mean(axis=0) - gain * a.mean(axis=0)
    return np.concatenate([np.diag(gain), offset[:, None]], axis=1)


def _apply_lab(image: ImageArray, fit: FloatArray) -> ImageArray:
    rgb = cv2.cvtColor(cv2.transform(_lab(image), fit), cv2.COLOR_LAB2RGB)
    return np.clip(np.rint(rgb * 255.0), 0, 255).astype(np.uint8)


def _fit_mkl(generated: ImageArray, target: ImageArray, weight: FloatArray) -> FloatArray:
    if _few(weight):
        return np.eye(3, 4, dtype=np.float32)
    inside = weight > 0
    a, b = generated[inside].astype(np.float64), target[inside].astype(np.float64)
    # One grey level of noise per channel keeps the roots away from zero where a face has a single colour.
    cov_a, cov_b = np.cov(a, rowvar=False) + np.eye(3), np.cov(b, rowvar=False) + np.eye(3)
    root, inverse = _root(cov_a, 0.5), _root(cov_a, -0.5)
    matrix = inverse @ _root(root @ cov_b @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh(matrix)  # symmetric by construction: gains along its own axes
    matrix = (vectors * np.clip(values, *_GAIN)) @ vectors.T
    return np.concatenate(
        [matrix, (b.mean(axis=0) - matrix @ a.mean(axis=0))[:, None]], axis=1
    ).astype(np.float32)


def _root(matrix: DoubleArray, power: float) -> DoubleArray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    return np.asarray((vectors * np.maximum(values, 1e-6) ** power) @ vectors.T)


def _apply_rgb(image: ImageArray, fit: FloatArray) -> ImageArray:
    return np.asarray(cv2.transform(image, fit), np.uint8)


def _fit_histogram(generated: ImageArray, target: ImageArray, weight: FloatArray) -> FloatArray:
    levels = np.arange(256, dtype=np.float64)
    if _few(weight):
        return np.repeat(levels[None], 3, axis=0)
    inside = weight > 0
    at = np.linspace(0.01, 0.99, _STEPS)
    tables = []
    for channel in range(3):
        a = np.quantile(generated[..., channel][inside], at)
        b = np.quantile(target[..., channel][inside], at)
        first = np.concatenate([[True], np.diff(a) > 0.25])
        table = np.interp(levels, a[first], b[first])
        # Beyond what was seen the shift of the nearest seen level goes on.
        table = np.where(levels < a[0], levels + (b[0] - a[0]), table)
        table = np.where(levels > a[-1], levels + (b[-1] - a[-1]), table)
        tables.append(np.maximum.accumulate(table))
    return np.stack(tables)


def _apply_histogram(image: ImageArray, fit: FloatArray) -> ImageArray:
    table = np.clip(np.rint(fit), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, np.ascontiguousarray(table.T[:, None])), np.uint8)


def _fit_ratio(generated: ImageArray, target: ImageArray, weight: FloatArray) -> FloatArray:
    if _few(weight):
        return np.ones((32, 32, 3), np.float32)
    columns = np.flatnonzero((weight > 0).any(axis=0))
    sigma = 0.1 * float(columns[-1] - columns[0] + 1)
    small = [_coarse(image, weight, sigma) for image in (generated, target)]
    return np.asarray(np.clip(small[1] / np.maximum(small[0], 4.0), *_RATIO), np.float32)


def _coarse(image: ImageArray, weight: FloatArray, sigma: float) -> FloatArray:
    """(32, 32, 3) Gaussian mean over the weighted pixels alone: the background does not leak in."""
    scale = 32.0 / weight.shape[0]
    weighted = image.astype(np.float32) * weight[..., None]
    parts = [
        cv2.GaussianBlur(
            cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA), (0, 0), sigma * scale
        )
        for p in (weighted, weight)
    ]
    everywhere = weighted.sum(axis=(0, 1)) / weight.sum()
    prior = np.float32(0.02)  # far from any weighted pixel the mean of all takes over
    return np.asarray((parts[0] + prior * everywhere) / (parts[1] + prior)[..., None], np.float32)


def _apply_ratio(image: ImageArray, fit: FloatArray) -> ImageArray:
    ratio = cv2.resize(fit, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.rint(image * ratio), 0, 255).astype(np.uint8)


_Fit = Callable[[ImageArray, ImageArray, FloatArray], FloatArray]
_FITS: dict[str, tuple[_Fit, Callable[[ImageArray, FloatArray], ImageArray]]] = {
    "mean_std_lab": (_fit_lab, _apply_lab),
    "mkl": (_fit_mkl, _apply_rgb),
    "histogram": (_fit_histogram, _apply_histogram),
    "blur_ratio": (_fit_ratio, _apply_ratio),
}
