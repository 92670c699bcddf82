"""Pseudo-fakes: manipulated pictures made of real faces, for training detectors without a single real deepfake.

Four kinds: self-blends of a whole face or of a part (Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images",
CVPR 2022), blends with another person of similar shape (Li et al., "Face X-ray for More General Face Forgery Detection",
CVPR 2020) and warp blur (Li and Lyu, "Exposing DeepFake Videos by Detecting Face Warping Artifacts", CVPRW 2019), written
anew after the papers; the default ranges are those published for self-blends.

Two things differ on purpose. The real half of a pair is returned too: where the *background* copy is changed, it is
that copy, so that a whole-picture change never tells the classes apart. And softness is dealt to both halves evenly, so
that "blurred" never means "fake".

Donors of cross-identity blends need a basis: the caller passes only pictures whose terms cover synthesis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from likeness.data import blends, masks
from likeness.data.kinds import Donor, Face, cross_identity, locate_face, self_blend, warp_blur
from likeness.data.mixture import ENGINE, KINDS, ColourRanges, PseudoFakeConfig, Shares, draw_kind
from likeness.types import FloatArray, ImageArray, IndexArray

__all__ = [
    "ENGINE",
    "KINDS",
    "ColourRanges",
    "Donor",
    "PseudoFake",
    "PseudoFakeConfig",
    "Shares",
    "make_pseudo_fake",
    "nearest_donors",
]


@dataclass(frozen=True, eq=False)
class PseudoFake:
    """A pseudo-fake with its ground truth.

    Attributes:
        image: (H, W, 3) uint8 RGB, the fake.
        real: (H, W, 3) uint8 RGB, its real partner: equal to the fake wherever the mask is 0. Train on this pair, not on
            the picture that was passed in.
        mask: (H, W) float32 in [0, 1], where the source lies, before the blend ratio.
        boundary: (H, W) float32 4M(1-M), where it meets the background.
        recipe: everything that was drawn; JSON values only.
    """

    image: ImageArray
    real: ImageArray
    mask: FloatArray
    boundary: FloatArray
    recipe: dict[str, Any]


def make_pseudo_fake(
    image: ImageArray,
    landmarks_px: FloatArray,
    rng: np.random.Generator,
    config: PseudoFakeConfig | None = None,
    donor: Donor | None = None,
) -> PseudoFake:
    """Make one pseudo-fake of a real face.

    Args:
        image: (H, W, 3) uint8 RGB, any size; work is confined to the face.
        landmarks_px: (478, 2) float32 in the picture's pixels, MediaPipe mesh order.
        rng: source of chance; the same state gives the same picture, and, over the frames of a clip, a steady one.
        config: ranges; None = `PseudoFakeConfig()`.
        donor: picture and landmarks of another person, for cross-identity blends (see `nearest_donors`). Only people
            whose data-set terms or consent cover synthesis; the caller answers for that. A reconstruction of `image` with
            its own landmarks works too and gives a reconstruction twin.

    Returns:
        The fake, its real partner, mask, boundary and recipe.

    Raises:
        ShapeError: wrong arrays.
        DataError: landmarks are not finite, or no face lies within the picture.

    Example:
        >>> fake = make_pseudo_fake(image, landmarks_px, np.random.default_rng(0))  # doctest: +SKIP
        >>> fake.recipe["kind"], fake.mask.shape == image.shape[:2]  # doctest: +SKIP
    """
    config = config or PseudoFakeConfig()
    face = locate_face(image, landmarks_px)
    kind = draw_kind(rng, config.shares, donor is not None)
    recipe: dict[str, Any] = {"engine": ENGINE, "config": config.config_hash(), "kind": kind}
    if kind == "cross_identity" and donor is not None:
        source, background, mask = cross_identity(face, donor, rng, config, recipe)
    elif kind == "warp_blur":
        source, background, mask = warp_blur(face, rng, config, recipe)
    else:
        source, background, mask = self_blend(face, rng, config, recipe)
    recipe["ratio"] = ratio = float(rng.choice(config.ratios))
    if kind == "cross_identity":
        ratio *= config.strength
    return _compose(face, source, background, mask, ratio, recipe)


def nearest_donors(
    landmarks_px: FloatArray, candidates_px: FloatArray, count: int = 10
) -> IndexArray:
    """The candidates whose faces have the most similar shape and pose, nearest first.

    Args:
        landmarks_px: (478, 2) float32.
        candidates_px: (N, 478, 2) float32; leave the person themself out.
        count: how many to return.

    Returns:
        (min(count, N),) int64 positions in `candidates_px`. Distances ignore place and size, not rotation.
    """
    points = np.arange(0, 468, 4)

    def normalise(lm: FloatArray) -> FloatArray:
        picked = lm[..., points, :]
        centred = picked - picked.mean(-2, keepdims=True)
        return centred / np.sqrt((centred**2).sum((-2, -1), keepdims=True))

    distances = ((normalise(candidates_px) - normalise(landmarks_px)) ** 2).sum((-2, -1))
    return np.argsort(distances, kind="stable")[:count].astype(np.int64)


def _compose(
    face: Face,
    source: ImageArray,
    real: ImageArray,
    mask: FloatArray,
    ratio: float,
    recipe: dict[str, Any],
) -> PseudoFake:
    x0, y0, x1, y1 = face.box
    mask = np.clip(mask * _window(face), 0.0, 1.0)
    image = real.copy()
    image[y0:y1, x0:x1] = blends.blend(
        source, np.ascontiguousarray(real[y0:y1, x0:x1]), mask * np.float32(ratio)
    )
    full = np.zeros(face.image.shape[:2], np.float32)
    full[y0:y1, x0:x1] = mask
    return PseudoFake(
        image, real.copy() if real is face.image else real, full, masks.boundary(full), recipe
    )


def _window(face: Face) -> FloatArray:
    """1 inside the crop, falling to 0 over its outer 4 % where the picture goes on: no blend can end in a straight edge."""
    height, width = face.image.shape[:2]
    x0, y0, x1, y1 = face.box
    ramps = []
    for low, high, size in ((y0, y1, height), (x0, x1, width)):
        edge = max(2.0, 0.04 * (high - low))
        place = np.arange(high - low, dtype=np.float32)
        ramp = np.ones_like(place)
        if low > 0:
            ramp = np.minimum(ramp, place / edge)
        if high < size:
            ramp = np.minimum(ramp, place[::-1] / edge)
        ramps.append(ramp)
    return np.outer(ramps[0], ramps[1]).astype(np.float32)
