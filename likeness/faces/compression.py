"""Estimate how strongly a face was compressed, from its pixels, as the JPEG quality that would look alike.

Two estimates. Where the luma's 8x8 DCT, at the picture's own grid or at the one that steps between blocks betray, gathers at multiples of a quantisation table, the
likelihood of every table of the common (IJG) family says which one (after Fan and de Queiroz 2003, "Identification of
bitmap compression history"). Where it does not (video, or a picture that was resized after compression), the share of
fine detail that is left stands in; blur and up-scaling lower that estimate too, as they destroy the same evidence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.types import ImageArray

# Table K.1 of ITU-T T.81 (luma, quality 50).
_LUMA_50 = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float64,
)
_CANDIDATES = np.arange(
    97, 9, -1
)  # falling: of two that share their low frequencies the finer is named
_POSITIONS = ((0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (0, 3), (1, 2), (2, 1), (3, 0), (2, 2))
_NOISE = 0.6  # rounding of decoded RGB, in DCT units
_MAX_BLOCKS = 300
_MIN_BLOCKS = 12
_MIN_NATS = 10.0  # log likelihood over "never compressed on this grid"
# Median detail score of 17 pictures that were never compressed, re-encoded at these qualities.
_DETAIL = (15.0, 26.0, 33.0, 36.0, 40.0, 43.0, 47.0, 49.0, 52.0, 54.0, 57.0, 58.0, 61.0)
_QUALITY_OF_DETAIL = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 93.0, 97.0)


def quantisation_step(quality: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(..., 8, 8) luma quantisation table of the IJG library for qualities 1-100."""
    q = np.asarray(quality, np.float64)[..., None, None]
    scale = np.where(q < 50, 5000.0 / q, 200.0 - 2.0 * q)
    return np.asarray(np.clip(np.floor((_LUMA_50 * scale + 50.0) / 100.0), 1.0, 255.0))


def estimated_jpeg_quality(image: ImageArray, box_px: npt.ArrayLike) -> float:
    """JPEG-equivalent quality of the part of a picture inside a box, 1-100.

    Args:
        image: (H, W, 3) uint8 RGB at its original grid (not cropped off it, not resized).
        box_px: (4,) xyxy.
    """
    box = np.asarray(box_px, np.float64)
    own = block_dct(image, box)
    if len(own) < _MIN_BLOCKS:
        return detail_quality(own)
    gain = table_gains(own)
    if gain.max() < _MIN_NATS:  # perhaps the picture was cropped after compression
        shift = grid_shift(image, box)
        if shift.any():
            gain = table_gains(block_dct(image[shift[1] :, shift[0] :], box - np.tile(shift, 2)))
    if gain.max() < _MIN_NATS:
        return detail_quality(own)
    return float(_CANDIDATES[int(gain.argmax())])


def grid_shift(image: ImageArray, box_px: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """(2,) x and y, 0-7, at which blocks most likely begin: where steps exceed those beside them."""
    height, width = image.shape[:2]
    left, top = np.clip(box_px[:2].astype(int) // 8 * 8, 0, (width, height))
    right, bottom = np.clip(box_px[2:].astype(int) + 1, 0, (width, height))
    luma = image[top:bottom, left:right].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    shift = []
    for plane in (luma.T, luma):
        steps = np.minimum(np.abs(np.diff(plane, axis=0)), 20.0).mean(axis=1)
        excess = steps[1:-1] - 0.5 * (steps[:-2] + steps[2:])
        # excess[k] belongs to the border between rows k + 1 and k + 2
        score = [excess[(b - 2) % 8 :: 8].mean() if len(excess) >= 8 else 0.0 for b in range(8)]
        shift.append(int(np.argmax(score)))
    return np.array(shift, np.int64)


def block_dct(image: ImageArray, box_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 8, 8) DCT of the luma blocks of the picture's own 8x8 grid inside a box, at most 300, evenly chosen."""
    height, width = image.shape[0] // 8, image.shape[1] // 8
    left, top = np.clip(np.ceil(box_px[:2] / 8), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.floor((box_px[2:] + 1) / 8), 0, (width, height)).astype(int)
    columns, rows = max(0, right - left), max(0, bottom - top)
    if columns * rows == 0:
        return np.zeros((0, 8, 8))
    part = image[top * 8 : bottom * 8, left * 8 : right * 8]
    blocks = part.reshape(rows, 8, columns, 8, 3).swapaxes(1, 2).reshape(-1, 8, 8, 3)
    if len(blocks) > _MAX_BLOCKS:
        blocks = blocks[np.linspace(0, len(blocks) - 1, _MAX_BLOCKS).astype(int)]
    luma = blocks.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) - 128.0
    k = np.arange(8)
    basis = np.cos((2 * k[None] + 1) * k[:, None] * np.pi / 16) * 0.5
    basis[0] /= np.sqrt(2.0)
    return np.asarray(basis @ luma @ basis.T)


def table_gains(coefficients: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(Q,) log likelihood of each candidate table over a smooth distribution, in nats, from 97 down to 10."""
    tables = quantisation_step(_CANDIDATES)
    total = np.zeros(len(_CANDIDATES))
    for u, v in _POSITIONS:
        c = coefficients[:, u, v]
        c = c[np.abs(c) > 2.0 * _NOISE]  # zeros tell nothing: smooth skin has them too
        steps, where = np.unique(tables[:, u, v], return_inverse=True)
        multiple = np.abs(c[None] / steps[:, None])
        nearest = np.rint(multiple)
        rest = (multiple - nearest) * (steps[:, None] / _NOISE)
        density = np.exp(-0.5 * rest * rest) * (steps[:, None] / (_NOISE * np.sqrt(2 * np.pi)))
        density[nearest == 0] = 0.0  # such a table would have left nothing here
        total += np.log(0.97 * density + 0.03).sum(axis=1)[where]
    return total


def detail_quality(coefficients: npt.NDArray[np.float64]) -> float:
    """Quality from the share of fine detail that is left: middle against low frequencies.

    A rough guide: what a picture shows moves it by about 10 steps, near the top by 20, and after a resize it hardly sees
    an earlier compression (quality 10 scaled to 88 % reads as about 80).
    """
    if len(coefficients) == 0:
        return 1.0
    order = np.add.outer(np.arange(8), np.arange(8))
    energy = np.abs(coefficients).mean(axis=0)
    low = energy[(order >= 1) & (order <= 2)].mean()
    fine = energy[(order >= 5) & (order <= 9)].mean()
    score = 100.0 + 40.0 * np.log10((fine + 0.02) / (low + 1.0))
    return float(np.interp(score, _DETAIL, _QUALITY_OF_DETAIL))
