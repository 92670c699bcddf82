"""Which part of a face a pseudo-fake replaces: hull families from landmarks, deformed, softened.

The families follow Face X-ray (Li et al. 2020) and Self-Blended Images (Shiohara and Yamasaki 2022), re-derived for the
MediaPipe mesh. Masks are (h, w) float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from likeness.faces import regions
from likeness.types import FloatArray

FULL_FAMILIES = ("whole", "extended", "components", "inner")
PARTS = ("mouth", "eyes", "lower_face", "nose")

_MASK_SIZE_PX = (192, 257)  # masks are softened at a random size in this range, whatever the face's
_PAD = 16
_ELASTIC_ALPHA, _ELASTIC_SIGMA = 50.0, 7.0
_ELASTIC_STEP = 4  # pixels between nodes of the displacement grid


def hull_points(landmarks_px: FloatArray, family: str) -> list[FloatArray]:
    """The convex pieces that make up a family or part.

    Args:
        landmarks_px: (478, 2) float32.
        family: one of `FULL_FAMILIES` or `PARTS`.

    Returns:
        Point sets; the region is the union of their convex hulls.
    """
    return [np.asarray(piece, np.float32) for piece in _FAMILIES[family](landmarks_px)]


def face_box(landmarks_px: FloatArray) -> FloatArray:
    """(4,) float32 xyxy around the face, forehead included."""
    points = _with_forehead(landmarks_px, 0.2)
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)


def draw_hulls(pieces: list[FloatArray], size_wh: tuple[int, int]) -> FloatArray:
    """Fill the union of convex hulls with anti-aliased edges; points may lie outside the picture."""
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    for piece in pieces:
        hull = cv2.convexHull(piece.reshape(-1, 1, 2))
        fixed = np.round(np.clip(hull, -1e4, 1e4) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / np.float32(255)


def jitter_points(
    pieces: list[FloatArray], rng: np.random.Generator, amount: float
) -> list[FloatArray]:
    """Deform the pieces as a whole: a random affine, and a smooth wobble of each outline.

    Args:
        pieces: point sets of one face.
        rng: source of chance.
        amount: standard deviation as a share of the face's size.
    """
    everything = np.concatenate(pieces)
    centre = everything.mean(0)
    size = float(np.ptp(everything, axis=0).max())
    linear = np.eye(2) + rng.normal(0.0, amount, (2, 2))
    phases, gains = rng.uniform(0, 2 * np.pi, 3), rng.normal(0.0, amount, 3)
    out = []
    for piece in pieces:
        offset = piece - centre
        angle = np.arctan2(offset[:, 1], offset[:, 0])
        wobble = 1.0 + sum(
            g * np.cos(k * angle + p) for k, (g, p) in enumerate(zip(gains, phases, strict=True), 1)
        )
        out.append((centre + (offset @ linear.T) * wobble[:, None]).astype(np.float32))
    shift = rng.normal(0.0, amount * 0.25, 2) * size
    return [(piece + shift).astype(np.float32) for piece in out]


def elastic(mask: FloatArray, rng: np.random.Generator, strength: float = 1.0) -> FloatArray:
    """Elastic deformation with the statistics of alpha 50, sigma 7 (Simard et al. 2003), on a coarse grid.

    White noise smoothed with sigma 7 hardly changes within four pixels, so the field is drawn on every fourth pixel with
    the same standard deviation (1.16 px) and the same smoothness, and interpolated.
    """
    height, width = mask.shape
    sigma = _ELASTIC_SIGMA / _ELASTIC_STEP
    # always as much chance as the largest mask needs: frames of one clip then share all later draws
    side = (_MASK_SIZE_PX[1] + 2 * _PAD) // _ELASTIC_STEP + 2
    noise = rng.uniform(-1.0, 1.0, (side, side, 2)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), sigma)
    field = field[: height // _ELASTIC_STEP + 2, : width // _ELASTIC_STEP + 2]
    # smoothing by sigma shrinks white noise by 2 sqrt(pi) sigma, here sigma / step of what it would be
    field *= np.float32(strength * _ELASTIC_ALPHA / _ELASTIC_STEP)
    field = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    field[..., 0] += np.arange(width, dtype=np.float32)[None, :]
    field[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(mask, field, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def soften(mask: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Shrink and feather: kernel 5-25, keep what stayed 1, Gauss kernel 5-25 with sigma 5-45, renormalise.

    Kernels are capped at a fifth of the region's size, so that a mouth keeps a core.
    """
    cap = max(2, int(np.sqrt(float(mask.sum())) / 10))
    first, second = (min(int(rng.integers(2, 13)), cap) * 2 + 1 for _ in range(2))
    sigma = float(rng.integers(5, 46))
    # a Gaussian of a binary mask stays 1 exactly where its whole square kernel is 1: that is an erosion
    core = cv2.erode((mask >= 0.5).astype(np.uint8), np.ones((first, first), np.uint8))
    if not core.any():
        return mask
    soft = cv2.GaussianBlur(core.astype(np.float32), (second, second), sigma)
    return soft / soft.max()


def draw_mask(
    pieces: list[FloatArray],
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    strength: float = 1.0,
) -> FloatArray:
    """Draw, deform and soften a region of a face crop.

    Args:
        pieces: point sets in crop pixels.
        size_wh: of the crop.
        rng: source of chance.
        strength: scales the deformation.

    Returns:
        (h, w) float32 in [0, 1], 1 in the core unless the region is too small to have one.
    """
    side = int(rng.integers(*_MASK_SIZE_PX))
    scale = side / max(size_wh)
    small_wh = (max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale)))
    factor = np.array([small_wh[0] / size_wh[0], small_wh[1] / size_wh[1]], np.float32)
    # worked out beyond the crop's edges: what leaves the picture is cut off there, not shrunk along them
    pad, around_wh = _PAD, (small_wh[0] + 2 * _PAD, small_wh[1] + 2 * _PAD)
    mask = draw_hulls([piece * factor + pad for piece in pieces], around_wh)
    mask = soften(elastic(mask, rng, strength), rng)[pad:-pad, pad:-pad]
    mask = cv2.resize(mask, size_wh, interpolation=cv2.INTER_LINEAR)
    return np.clip(mask, 0.0, 1.0)


def boundary(mask: FloatArray) -> FloatArray:
    """4 M (1 - M): 1 where the blend is half and half (Face X-ray)."""
    return 4.0 * mask * (1.0 - mask)


def _up(landmarks_px: FloatArray) -> FloatArray:
    """Unit-less vector from chin to forehead top."""
    return landmarks_px[10] - landmarks_px[152]


def _with_forehead(landmarks_px: FloatArray, lift: float) -> FloatArray:
    """The face oval with its upper arc raised by `lift` of the face's height: the mesh ends below the hairline."""
    oval = landmarks_px[list(regions.FACE_OVAL)]
    up = _up(landmarks_px)
    height = float(up @ up) or 1.0
    rise = np.clip(((oval - landmarks_px[152]) @ up / height - 0.65) / 0.35, 0.0, 1.0)
    return oval + lift * rise[:, None] * up


def _scaled(points: FloatArray, factor: float) -> FloatArray:
    centre = points.mean(0)
    return centre + factor * (points - centre)


def _pick(landmarks_px: FloatArray, *groups: tuple[int, ...]) -> FloatArray:
    return landmarks_px[[i for group in groups for i in group]]


def _inner(lm: FloatArray) -> list[FloatArray]:
    points = _pick(lm, regions.BROWS, regions.EYES, regions.NOSE, regions.LIPS_OUTER)
    return [_scaled(points, 1.12)]


def _components(lm: FloatArray) -> list[FloatArray]:
    right = _scaled(_pick(lm, regions.RIGHT_BROW, regions.RIGHT_EYE), 1.25)
    left = _scaled(_pick(lm, regions.LEFT_BROW, regions.LEFT_EYE), 1.25)
    return [
        right,
        left,
        _scaled(_pick(lm, regions.NOSE), 1.15),
        _scaled(_pick(lm, regions.LIPS_OUTER), 1.3),
    ]


def _lower_face(lm: FloatArray) -> list[FloatArray]:
    return [_pick(lm, regions.JAW[1:-1], (2, 98, 327))]


def _eyes(lm: FloatArray) -> list[FloatArray]:
    right = _scaled(_pick(lm, regions.RIGHT_EYE, regions.RIGHT_BROW[5:]), 1.35)
    return [right, _scaled(_pick(lm, regions.LEFT_EYE, regions.LEFT_BROW[5:]), 1.35)]


_FAMILIES: dict[str, Callable[[FloatArray], list[FloatArray]]] = {
    "whole": lambda lm: [_with_forehead(lm, 0.06)],
    "extended": lambda lm: [_scaled(_with_forehead(lm, 0.15), 1.04)],
    "components": _components,
    "inner": _inner,
    "mouth": lambda lm: [_scaled(_pick(lm, regions.LIPS_OUTER), 1.45)],
    "eyes": _eyes,
    "lower_face": _lower_face,
    "nose": lambda lm: [_scaled(_pick(lm, regions.NOSE), 1.25)],
}
