"""Photographs whose spectrum was changed as generators change it: bands that are too weak or too strong, and grids of resampling.

After the observation that upsampling networks fail to reproduce the spectrum of photographs (Durall et al., CVPR 2020), and that
whoever stores zeros between pixels copies the spectrum into its upper half (Zhang et al., WIFS 2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from likeness.detectors._cnn_generated_redrawing_training import Twin
from likeness.types import ImageArray

KINDS = ("band", "grid")


def spectral_pairs(pictures: Sequence[tuple[ImageArray, str]], seed: int) -> Iterator[Twin]:
    """Photographs and the same with a changed spectrum, kinds in turn; not yet made alike.

    Args:
        pictures: (H, W, 3) uint8 RGB photographs and their identities.
        seed: fixes every draw; what is drawn for a picture does not depend on the others.
    """
    for number, (picture, group) in enumerate(pictures):
        rng = np.random.default_rng([seed, number])
        kind = KINDS[number % len(KINDS)]
        changed = band(picture, rng) if kind == "band" else grid(picture, rng)
        yield Twin(picture, changed, kind, group)


def band(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """One band of the spectrum of all channels times a factor: a ring, or a stripe along an axis.

    Its middle lies at .12 to .45 cycles per px, its width is .03 to .12, its factor e**-2 to e**1.
    """
    fy = np.abs(np.fft.fftfreq(image.shape[0]))[:, None]
    fx = np.fft.rfftfreq(image.shape[1])[None]
    along = (np.hypot(fy, fx), fy + 0 * fx, fx + 0 * fy)[int(rng.integers(3))]
    middle, width = rng.uniform(0.12, 0.45), rng.uniform(0.03, 0.12)
    factor = rng.uniform(-2.0, 1.0)
    gain = np.exp(factor * np.exp(-0.5 * ((along - middle) / width) ** 2))
    spectrum = np.fft.rfft2(image.astype(np.float32), axes=(0, 1)) * gain[..., None]
    changed = np.fft.irfft2(spectrum, image.shape[:2], axes=(0, 1))
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def grid(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Halved, then doubled by zeros between the pixels and a kernel of four taps whose even and odd ones differ a little."""
    height, width = (side // 2 for side in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    wide = np.zeros((2 * height, 2 * width, 3), np.float32)
    wide[::2, ::2] = small
    taps = np.array([0.25, 0.75, 0.75, 0.25]) * rng.uniform(0.9, 1.1, 4)
    taps *= 2.0 / taps.sum()
    drawn = cv2.sepFilter2D(wide, -1, taps, taps, anchor=(1, 1))
    out = image.copy()
    out[: 2 * height, : 2 * width] = np.clip(np.rint(drawn), 0, 255)
    # Only a part of what was halved is laid over: nothing of the photograph is lost that its sharpness would tell.
    share = rng.uniform(0.3, 1.0)
    return np.asarray(cv2.addWeighted(out, share, image, 1 - share, 0), np.uint8)
