"""Round blobs of residual noise, as some generators leave them: shown, and worth nothing as evidence.

StyleGAN's first version hides droplets in its feature maps, blobs of very strong activation, which show in some of its pictures
as smudges that look like drops of water (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"). Looked
for is a round spot in which the residual of the picture is far stronger than light and texture there and the surroundings
predict. Eyes, teeth, earrings, buttons and lamps are such spots too, and most generated pictures have none: see the figures
of `benchmarks/cue_parts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.types import FloatArray, ImageArray

NAME = "strongest round blob in the picture's noise"
UNIT = "robust standard deviations"
USUAL = (2.72, 5.17)
"""5th and 95th percentile of 107 photographs of FFHQ, role train. 129 faces of StyleGAN1 give the same: AUC .49."""
SIDE_PX = 256
"""Shorter side to which a picture is reduced first: blobs grow with the picture."""
LEAST_PX = 96
_SPREAD = 4.0  # pixels over which residual and texture are averaged
_AROUND = 3.0  # of it, what counts as the surroundings
_LEAST_Z = 2.0
_HALF = 0.5  # of a peak's height at which its outline is taken
_AREA = (0.5, 9.0)  # of the averaging disc
_LONGEST = 2.0  # length over width


@dataclass(frozen=True)
class Blobs:
    """What was found.

    Attributes:
        strongest: height of the strongest round blob, 0 without one.
        map: (h, w) float32 in [0, 1], one cell per 4 px of the reduced picture: round blobs above what is usual.
    """

    strongest: float
    map: FloatArray


def find_blobs(image: ImageArray) -> Blobs | None:
    """Look for round blobs; None for pictures below 96 px.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    import cv2

    short = min(image.shape[:2])
    if short < LEAST_PX:
        return None
    if short > SIDE_PX:
        wh = (round(image.shape[1] * SIDE_PX / short), round(image.shape[0] * SIDE_PX / short))
        image = np.asarray(cv2.resize(image, wh, interpolation=cv2.INTER_AREA), np.uint8)
    height = _heights(image)
    found = np.zeros_like(height)
    strongest = 0.0
    for peak, part in _round_parts(height):
        strongest = max(strongest, peak)
        if peak > USUAL[1]:
            found[part] = np.maximum(found[part], height[part])
    shown = np.tanh(np.maximum(found, 0.0) / (2.0 * USUAL[1]))
    size = (max(1, image.shape[1] // 4), max(1, image.shape[0] // 4))
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    return Blobs(round(strongest, 3), np.round(np.clip(small, 0.0, 1.0), 4).astype(np.float32))


def _heights(image: ImageArray) -> FloatArray:
    """(H, W) float32 how far the residual lies above prediction and surroundings, in robust standard deviations."""
    import cv2

    light = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    residual = np.abs(light - cv2.GaussianBlur(light, (0, 0), 1.0))
    soft = cv2.GaussianBlur(light, (0, 0), 2.0)
    slope = cv2.magnitude(
        cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125),
    )
    noise, texture, level = (
        cv2.GaussianBlur(v, (0, 0), _SPREAD) for v in (residual, slope, light / 128.0 - 1.0)
    )
    noise, texture = np.log(noise + 0.3), np.log(texture + 0.2)
    terms = (np.ones_like(noise), texture, texture * texture, level, level * level)
    design = np.stack(terms, axis=-1).reshape(-1, len(terms)).astype(np.float64)
    fit = np.linalg.lstsq(design[::5], noise.ravel()[::5], rcond=None)[0]
    apart = (noise.ravel() - design @ fit).reshape(noise.shape).astype(np.float32)
    apart = apart - cv2.GaussianBlur(apart, (0, 0), _AROUND * _SPREAD)
    spread = 1.4826 * float(np.median(np.abs(apart - np.median(apart)))) + 0.02
    return np.asarray(apart / spread, np.float32)


def _round_parts(height: FloatArray):  # type: ignore[no-untyped-def]
    """(peak, mask) of every spot that is as long as wide, at half of its height."""
    import cv2

    size = int(2 * round(2 * _SPREAD) + 1)
    top = (height == cv2.dilate(height, np.ones((size, size)))) & (height > _LEAST_Z)
    disc = np.pi * _SPREAD**2
    for row, column in np.argwhere(top):
        peak = float(height[row, column])
        _, parts = cv2.connectedComponents((height > _HALF * peak).astype(np.uint8))
        part = parts == parts[row, column]
        area = int(part.sum())
        if not _AREA[0] * disc <= area <= _AREA[1] * disc:
            continue
        places = np.argwhere(part).astype(np.float64)
        axes = np.sqrt(np.linalg.eigvalsh(np.cov(places.T)))
        if axes[1] <= _LONGEST * max(float(axes[0]), 1e-6):
            yield peak, part
