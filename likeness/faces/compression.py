"""Estimate how strongly a face was compressed, from its pixels, as the JPEG quality that would look alike.

Two estimates. Where the luma's 8x8 DCT at the picture's own grid gathers at multiples of a quantisation table, the
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
_CANDIDATES = np.concatenate([np.arange(10, 40, 3), np.arange(40, 98)])
_POSITIONS = ((0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (0, 3), (1, 2), (2, 1), (3, 0), (2, 2))
_NOISE = 0.6  # rounding of decoded RGB, in DCT units
_MAX_BLOCKS = 300
_MIN_BLOCKS = 12
_MIN_GAIN = 0.12  # nats per coefficient over "never compressed on this grid"


def quantisation_step(quality: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(..., 8, 8) luma quantisation table of the IJG library for qualities 1-100."""
    q = np.asarray(quality, np.float64)[..., None, None]
    scale = np.where(q < 50, 5000.0 / q, 200.0 - 2.0 * q)
    return np.clip(np.floor((_LUMA_50 * scale + 50.0) / 100.0), 1.0, 255.0)


def estimated_jpeg_quality(image: ImageArray, box_px: npt.ArrayLike) -> float:
    """JPEG-equivalent quality of the part of a picture inside a box, 1-100.

    Args:
        image: (H, W, 3) uint8 RGB at its original grid (not cropped off it, not resized).
        box_px: (4,) xyxy.
    """
    coefficients = block_dct(image, np.asarray(box_px, np.float64))
    if len(coefficients) < _MIN_BLOCKS:
        return detail_quality(coefficients)
    gain = table_gains(coefficients)
    best = int(gain.argmax())
    if gain[best] < _MIN_GAIN:
        return detail_quality(coefficients)
    return float(_CANDIDATES[best])


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
    """(Q,) log likelihood per coefficient of each candidate table over a smooth (Laplace) distribution, in nats."""
    tables = quantisation_step(_CANDIDATES)
    total = np.zeros(len(_CANDIDATES))
    count = 0
    for u, v in _POSITIONS:
        c = coefficients[:, u, v]
        c = c[np.abs(c) > 2.0 * _NOISE]  # zeros tell nothing: smooth skin has them too
        if len(c) == 0:
            continue
        steps, where = np.unique(tables[:, u, v], return_inverse=True)
        distance = np.abs(c[None] / steps[:, None])
        rest = (distance - np.rint(distance)) * steps[:, None]
        density = np.exp(-0.5 * (rest / _NOISE) ** 2) / (_NOISE * np.sqrt(2 * np.pi))
        # A coefficient that lies in the zero bin of a table speaks against it.
        density = np.where(np.rint(distance) == 0, 0.0, density * steps[:, None])
        # steps of 1 or 2 cannot be told from none: noise fills the gaps between multiples
        total += np.log(0.97 * density + 0.03).sum(axis=1)[where]
        count += len(c)
    return total / max(count, 1)


def detail_quality(coefficients: npt.NDArray[np.float64]) -> float:
    """Quality from the share of fine detail that is left: middle against low frequencies."""
    if len(coefficients) == 0:
        return 1.0
    order = np.add.outer(np.arange(8), np.arange(8))
    energy = np.abs(coefficients).mean(axis=0)
    low = energy[(order >= 1) & (order <= 2)].mean()
    fine = energy[(order >= 5) & (order <= 9)].mean()
    ratio = np.log10((fine + 0.02) / (low + 1.0))
    return float(np.clip(100.0 + 40.0 * ratio, 1.0, 100.0))
