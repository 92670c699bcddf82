"""The frozen test set: one pseudo-fake of every real picture, fixed before any network was trained on such pictures.

The published ranges of self-blends (Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022) are
spelt out here, so that a later change of the engine's defaults cannot move them. A picture's fake depends on its content and
on nothing else: neither on the order of a list nor on the other pictures. What may train on such fakes draws from other seeds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.data.known_faces import KnownFace
from likeness.data.mixture import ColourRanges, PseudoFakeConfig, Shares
from likeness.data.pairs import Pair, make_pair
from likeness.data.pseudo_fakes import PseudoFake, make_pseudo_fake
from likeness.errors import DataError
from likeness.types import FloatArray, ImageArray

SEED = 20260101
"""Of every frozen pseudo-fake; no recipe may use it."""
FROZEN = PseudoFakeConfig(
    shares=Shares(self_blend_full=0.45, self_blend_part=0.15, cross_identity=0.10, warp_blur=0.10),
    colour=ColourRanges(
        shift=20.0,
        shift_p=0.3,
        hue_deg=0.6,
        saturation=0.3 / 255,
        value=0.3 / 255,
        hsv_p=0.3,
        brightness=0.1,
        contrast=0.1,
        contrast_p=0.3,
    ),
    sharpen_alpha=(0.2, 0.5),
    target_p=0.5,
    translate=(0.03, 0.015),
    scale=0.95,
    ratios=(0.25, 0.5, 0.75, 1.0, 1.0, 1.0),
    outline_jitter=0.02,
    warp_size_px=(64, 256),
    relight_p=0.5,
    match_softness=True,
    strength=1.0,
)
FROZEN_HASH = "ab58476fe796b04a"
"""Hash of `FROZEN` and of the engine's version: where it no longer fits, old figures and new ones must not be compared."""


def frozen_name() -> str:
    """What tables and cards call the set."""
    return f"{SEED}-{FROZEN_HASH}"


def frozen_pseudo_fake(image: ImageArray, landmarks_px: FloatArray, key: str) -> PseudoFake:
    """The frozen pseudo-fake of one picture; cross-identity blends are left out, as there is no donor.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32 in its pixels.
        key: SHA-256 of the file in hexadecimal digits, as `Item.sha256`; twelve digits or more.

    Returns:
        The fake, its real partner and the masks; frames of one clip share a key and so all draws.

    Raises:
        DataError: the key is no hash, or no face lies within the picture.
        ShapeError: wrong arrays.
    """
    try:
        content = int(key[:12], 16)
    except ValueError:
        content = -1
    if content < 0 or len(key) < 12:
        raise DataError(f"key: expected a SHA-256 in hexadecimal digits, got {key[:20]!r}")
    return make_pseudo_fake(image, landmarks_px, np.random.default_rng([SEED, content]), FROZEN)


def frozen_pair(folder: Path, known: KnownFace) -> Pair:
    """A real item of a data folder, picture or clip, and its frozen pseudo-fake; raises as `make_pair` does."""
    return make_pair(folder, known, SEED, FROZEN)
