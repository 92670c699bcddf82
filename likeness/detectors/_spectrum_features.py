"""Azimuthal spectra: those of Durall et al. 2019 as published, and ours, which do not change with size, light or contrast.

Published (`published_profile`): 2-D Fourier transform of the grey picture, 20 log|F|, mean over integer radius, resampled to
N bins, divided by bin 0. The number of radii follows from the picture's size and resampling hides it: pictures of two
sizes get two slopes. So a picture is never resized here either, but `features` only ever sees tiles of one size.

Ours (`features`): square tiles of 96 px, cut un-resized out of the face; Hann window, so that the borders of the tile do not
draw a cross; log spectra averaged over the tiles; per radius in cycles per pixel the mean, less the mean of all radii (a
change of light or contrast cancels out), and above 1/6 cycle per pixel how far the strongest direction stands out (a
periodic grid, the trace of upsampling, is a few bright points that the mean hides). 96 has the periods 2, 3, 4, 6 and 8 on
whole bins. The variant `residual` subtracts a 3x3 median first.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import ConfigError, ShapeError
from likeness.types import DoubleArray, FloatArray, ImageArray

VERSION = "azimuthal-96-1"
TILE_PX = 96
MAX_TILES = 3  # per axis
MARGIN = 1.2  # side of the face square over the longer side of the face box
FIRST_PEAK = TILE_PX // 6
VARIANTS = ("plain", "residual")
_FLOOR = 1e-3  # of |F|, far below quantisation noise


def grey(images: npt.NDArray[np.number]) -> FloatArray:
    """(..., 3) RGB to (...) float32 luma, 0-255 (ITU-R BT.601)."""
    return images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def face_square(box_px: FloatArray, size_wh: tuple[int, int]) -> tuple[int, int, int]:
    """Left, top and side in whole pixels of the largest square round a face that fits into the picture.

    Args:
        box_px: (4,) xyxy of the face.
        size_wh: of the picture.
    """
    x0, y0, x1, y1 = (float(v) for v in box_px)
    side = int(min(round(MARGIN * max(x1 - x0, y1 - y0)), *size_wh))
    left, top = (
        int(np.clip(round((low + high - side) / 2), 0, size - side))
        for low, high, size in ((x0, x1, size_wh[0]), (y0, y1, size_wh[1]))
    )
    return left, top, side


def face_tiles(image: ImageArray, box_px: FloatArray) -> FloatArray | None:
    """(K, 96, 96) float32 luma: un-resized tiles, evenly spread over the face square; None if it is smaller than one.

    K is 1, 4 or 9 by the side of the square; in larger faces the tiles leave gaps.
    """
    left, top, side = face_square(box_px, (image.shape[1], image.shape[0]))
    if side < TILE_PX:
        return None
    count = min(MAX_TILES, -(-side // TILE_PX))
    first = (side - TILE_PX) // 2 if count == 1 else 0
    starts = np.linspace(first, side - TILE_PX - first, count).round().astype(int)
    luma = grey(image[top : top + side, left : left + side])
    return np.stack([luma[y : y + TILE_PX, x : x + TILE_PX] for y in starts for x in starts])


def features(tiles: FloatArray, variant: str = "plain") -> FloatArray:
    """Spectral features of faces.

    Args:
        tiles: (N, K, 96, 96) float32 luma, K tiles of each of N faces.
        variant: `plain`, or `residual` for what a 3x3 median leaves over.

    Returns:
        (N, 119) float32: 67 centred means in dB of radius 1 to 67 (cycles per tile, out to the corner), then 52 peak
        heights in dB of radius 16 to 67.

    Raises:
        ShapeError: another shape.
        ConfigError: an unknown variant.
    """
    if variant not in VARIANTS:
        raise ConfigError(f"variant of the spectrum: expected one of {VARIANTS}, got {variant!r}")
    if tiles.ndim != 4 or tiles.shape[2:] != (TILE_PX, TILE_PX) or tiles.shape[1] == 0:
        raise ShapeError("tiles", f"(N, K, {TILE_PX}, {TILE_PX})", str(tiles.shape))
    if variant == "residual":
        tiles = tiles - _median(tiles)
    window, order, starts, weights, totals = _tables()
    centred = tiles - tiles.mean((-1, -2), keepdims=True)
    power = np.abs(np.fft.rfft2(centred * window))
    log = 20 * np.log10(np.maximum(power, _FLOOR)).mean(1).reshape(len(tiles), -1)[:, order]
    mean = np.add.reduceat(log * weights, starts, axis=1) / totals
    peak = np.maximum.reduceat(log, starts, axis=1) - mean
    shape = mean[:, 1:] - mean[:, 1:].mean(1, keepdims=True)
    return np.concatenate([shape, peak[:, FIRST_PEAK:]], axis=1).astype(np.float32)


def bands(x: FloatArray) -> FloatArray:
    """(N, 119) features to (N, 8): the centred means of eight bands of radius, for the domain check.

    Peaks are left out: a grid is what the detector looks for, not a reason to look away.
    """
    means = np.array_split(x[:, : x.shape[1] - _peak_count()], 8, axis=1)
    return np.stack([part.mean(axis=1) for part in means], axis=1)


def _peak_count() -> int:
    return 67 - FIRST_PEAK + 1


def published_profile(images: npt.NDArray[np.number], bins: int) -> DoubleArray:
    """The published feature (Durall et al. 2019), confound included.

    Args:
        images: (N, H, W) grey, any size and aspect.
        bins: N of the paper: 722, 80 and 300 for its three data sets.

    Returns:
        (N, bins) float64.
    """
    from scipy.interpolate import CubicSpline

    height, width = images.shape[1:]
    y, x = np.indices((height, width))
    radius = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2).astype(int).ravel()
    counts = np.bincount(radius)
    out = np.empty((len(images), bins))
    for i, image in enumerate(images):
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(image.astype(np.float64))))
        log = 20 * np.log10(np.maximum(spectrum, _FLOOR)).ravel()
        profile = np.bincount(radius, log) / counts
        places = np.linspace(0, len(profile) - 1, bins)
        out[i] = CubicSpline(np.arange(len(profile)), profile)(places)
    return out / out[:, :1]


def _median(tiles: FloatArray) -> FloatArray:
    import cv2

    rows = np.clip(tiles, 0, 255).round().astype(np.uint8).reshape(-1, TILE_PX, TILE_PX)
    return np.stack([cv2.medianBlur(t, 3) for t in rows]).reshape(tiles.shape).astype(np.float32)


@lru_cache(maxsize=1)
def _tables() -> tuple[npt.NDArray[Any], ...]:
    """Window, and the half spectrum sorted by radius: order, first place of each radius, weights, their sums."""
    hann = np.hanning(TILE_PX + 1)[:-1]
    window = np.outer(hann, hann).astype(np.float32)
    fy = np.fft.fftfreq(TILE_PX)[:, None] * TILE_PX
    fx = np.fft.rfftfreq(TILE_PX)[None] * TILE_PX
    radius = np.hypot(fx, fy).astype(int).ravel()
    order = np.argsort(radius, kind="stable")
    starts = np.searchsorted(radius[order], np.arange(radius.max() + 1))
    twice = np.full(
        (TILE_PX, TILE_PX // 2 + 1), 2.0
    )  # all but two columns stand for their mirror too
    twice[:, [0, -1]] = 1.0
    weights = twice.ravel()[order]
    return window, order, starts, weights, np.add.reduceat(weights, starts)
