"""Sliced Wasserstein distance of two sets of pictures on a Laplacian pyramid: a quality that needs no network.

It is to be read beside the same distance between two sets of real pictures, of the same number and size.

Example:
    >>> noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    >>> sliced_wasserstein(noise, noise).levels[0][0]
    32
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.errors import DataError
from likeness.types import FloatArray, ImageArray

PATCH_PX = 7
PATCHES = 128
PROJECTIONS = 512
SMALLEST_PX = 16
SCALE = 1000.0
_BINOMIAL = np.array([1.0, 4.0, 6.0, 4.0, 1.0], np.float32) / 16.0


@dataclass(frozen=True)
class SlicedDistance:
    """Sliced Wasserstein distance, times 1000, >= 0.

    Attributes:
        levels: (side_px, distance) from the finest level of the pyramid to the coarsest.
        mean: over the levels.
    """

    levels: tuple[tuple[int, float], ...]
    mean: float


def sliced_wasserstein(drawn: ImageArray, real: ImageArray, seed: int = 0) -> SlicedDistance:
    """Distance of two sets of pictures on each level of a Laplacian pyramid (Karras et al., ICLR 2018).

    From every level of every picture 128 patches of 7x7 are taken, at the same places in both sets, each set is normalised by channel, and the sorted
    values of 512 random projections are compared. Fine levels tell of texture and sharpness, coarse ones of layout.

    Args:
        drawn: (N, S, S, 3) uint8 RGB, S even and at least 16; further levels follow while they are even and at least 16.
        real: (M, S, S, 3) uint8 RGB. The first min(N, M) pictures of both count: the distance depends on how many.
        seed: of patches and projections.

    Raises:
        DataError: fewer than two pictures, or sizes that differ or are too small.
    """
    count = _same_pictures(drawn, real)
    rng = np.random.default_rng(seed)
    levels = []
    for one, other in zip(_pyramid(drawn[:count]), _pyramid(real[:count]), strict=True):
        directions = rng.standard_normal((PROJECTIONS, 3 * PATCH_PX**2)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        first, second = (
            np.sort(directions @ _patches(level, seed).T, axis=1) for level in (one, other)
        )
        levels.append((int(one.shape[1]), SCALE * float(np.abs(first - second).mean())))
    return SlicedDistance(tuple(levels), float(np.mean([d for _, d in levels])))


def _same_pictures(drawn: ImageArray, real: ImageArray) -> int:
    for name, images in (("drawn", drawn), ("real", real)):
        fits = images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] == 3
        if not fits or images.dtype != np.uint8:
            raise DataError(
                f"{name}: expected (N, S, S, 3) uint8, got {images.dtype} of shape {images.shape}"
            )
    count, side = min(len(drawn), len(real)), drawn.shape[1]
    if count < 2 or side != real.shape[1] or side < SMALLEST_PX or side % 2:
        raise DataError(
            f"expected 2 pictures or more of one even side of {SMALLEST_PX} px or more, got {len(drawn)} of "
            f"{side} px and {len(real)} of {real.shape[1]} px; resize both alike"
        )
    return count


def _pyramid(images: ImageArray) -> list[FloatArray]:
    """Laplacian levels (N, s, s, 3) from fine to coarse; the last holds what is left."""
    level: FloatArray = images.astype(np.float32)
    levels = []
    while level.shape[1] % 2 == 0 and level.shape[1] // 2 >= SMALLEST_PX:
        coarse: FloatArray = _blurred(level)[:, ::2, ::2]
        levels.append(level - _blurred(_spaced(coarse), gain=2.0))
        level = coarse
    return [*levels, level]


def _blurred(images: FloatArray, gain: float = 1.0) -> FloatArray:
    """Binomial filter of 5x5 with mirrored borders."""
    for axis in (1, 2):
        width = [(2, 2) if a == axis else (0, 0) for a in range(4)]
        moved = np.moveaxis(np.pad(images, width, mode="reflect"), axis, 0)
        n = len(moved) - 4
        total = moved[2 : n + 2] * np.float32(gain * _BINOMIAL[2])
        for tap in (0, 1):  # the filter is symmetric
            pair = moved[tap : n + tap] + moved[4 - tap : n + 4 - tap]
            total += pair * np.float32(gain * _BINOMIAL[tap])
        images = np.moveaxis(total, 0, axis)
    return images


def _spaced(images: FloatArray) -> FloatArray:
    """Zeros between the pixels, as `_blurred` fills them."""
    n, height, width, channels = images.shape
    out = np.zeros((n, 2 * height, 2 * width, channels), np.float32)
    out[:, ::2, ::2] = images
    return out


def _patches(level: FloatArray, seed: int) -> FloatArray:
    """(N * 128, 147) patches of one level, each channel with mean 0 and spread 1 over the whole set."""
    n, side = level.shape[:2]
    rng = np.random.default_rng(seed)
    top, left = rng.integers(side - PATCH_PX + 1, size=(2, n * PATCHES))
    first = (np.repeat(np.arange(n), PATCHES) * side + top) * side + left
    within = (np.arange(PATCH_PX)[:, None] * side + np.arange(PATCH_PX)).reshape(-1)
    taken = level.reshape(-1, 3)[first[:, None] + within]
    mean, spread = taken.mean((0, 1)), taken.std((0, 1))
    scaled: FloatArray = (taken - mean) / np.maximum(spread, np.float32(1e-8))
    return scaled.reshape(len(scaled), -1)
