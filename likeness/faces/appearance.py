"""A small descriptor of what a face looks like, to tell people of one clip apart; no identity embedding.

Grey gradients (histograms over a grid, after Dalal and Triggs 2005) say how the face is built and lit, chroma says skin,
hair and surroundings. What all faces share is taken off and the rest is projected on the directions in which faces
differ (principal components, half whitened, of faces that a generator invented: `weights/faces/APPEARANCE.md`). Good for
"the same person half a second later"; useless across clips.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.faces.geometry import align_matrix, warp
from likeness.types import FloatArray, ImageArray

_SIZE_PX = 64
_CELLS = 8
_BINS = 8


def descriptor(
    image: ImageArray, landmarks_px: npt.NDArray[np.floating], basis: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """(K,) float32 of unit length for one face of a (H, W, 3) uint8 RGB picture.

    Args:
        image: the picture.
        landmarks_px: (478, 2).
        basis: mean (R,) and projection (R, K), see `FaceModels.appearance`.
    """
    mean, projection = basis
    return _unit((raw_descriptor(image, landmarks_px) - mean) @ projection).astype(np.float32)


def raw_descriptor(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> FloatArray:
    """(R,) float32: gradient histograms, light and chroma of one face, before anything shared is taken off."""
    import cv2

    crop = warp(
        image, align_matrix(landmarks_px, _SIZE_PX, 0.15), _SIZE_PX, "replicate", cubic=False
    )
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(np.float32)
    grey = lab[..., 0]
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(across, down)
    side = _SIZE_PX // _CELLS
    bins = np.minimum((angle * (_BINS / (2 * np.pi))).astype(np.int64), _BINS - 1)
    cell = np.arange(_SIZE_PX) // side
    where = (cell[:, None] * _CELLS + cell[None]) * _BINS + bins
    histogram = np.bincount(where.ravel(), strength.ravel(), _CELLS * _CELLS * _BINS)
    cells = np.sqrt(histogram.reshape(-1, _BINS))
    shape = _unit((cells / (np.linalg.norm(cells, axis=1, keepdims=True) + 8.0)).ravel())
    colour = lab.reshape(4, 16, 4, 16, 3).mean(axis=(1, 3))
    chroma = (colour[..., 1:] - 128.0).ravel() / 60.0
    light = _unit((colour[..., 0] - colour[..., 0].mean()).ravel())
    parts = np.concatenate([shape - shape.mean(), 0.5 * light, chroma])
    return _unit(parts).astype(np.float32)


def _unit(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.asarray(values / (np.linalg.norm(values) + 1e-6), np.float64)


def likeness_of(a: FloatArray, b: FloatArray) -> FloatArray:
    """(N, M) similarity in [-1, 1] of descriptors (N, K) and (M, K)."""
    return np.asarray(a @ b.T, np.float32)
