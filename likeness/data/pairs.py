"""Pairs of a real face and a pseudo-fake made of it, degraded identically: what detectors learn from and are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.degradations import degrade, random_degradation
from likeness.data.known_faces import KnownFace, load_images, renumbered
from likeness.data.pseudo_fakes import Donor, PseudoFakeConfig, make_pseudo_fake, nearest_donors
from likeness.errors import DataError
from likeness.types import FaceTrack, ImageArray

DONOR_CANDIDATES = 100
MAY_DONATE = ("utkface", "mead", "grid_s1")
"""Sources whose terms cover synthesis for research."""


@dataclass(frozen=True)
class Pair:
    """A real item and its twin.

    Attributes:
        real: pictures, (H, W, 3) uint8 RGB each; one for a still, several frames of one clip otherwise.
        fake: as many pictures, the same face manipulated.
        track: the face in both, numbered as in a clip of exactly these pictures.
        recipe: what was drawn for the fake.
    """

    real: Sequence[ImageArray]
    fake: Sequence[ImageArray]
    track: FaceTrack
    recipe: Mapping[str, Any]


def make_pair(
    folder: Path,
    known: KnownFace,
    seed: int,
    config: PseudoFakeConfig | None = None,
    donor: KnownFace | None = None,
) -> Pair:
    """Make the twin of one item; the same draw for every frame of a clip, so that the fake is steady over time.

    The real member is the engine's real half: where the background copy was changed, it is that copy.

    Args:
        folder: where the items' paths start.
        known: the item and its face.
        seed: with the item's hash it fixes every draw, whatever the order of the items.
        config: shares and ranges of the engine; None = the published self-blending ranges.
        donor: another person for cross-identity blends; only sources whose terms cover synthesis (`MAY_DONATE`).

    Raises:
        DataError: the donor's source may not be used for synthesis, or no face lies within the picture.
    """
    track = renumbered(known.track)
    stream = item_seed(known, seed)
    reals, fakes, recipe = [], [], {}
    for image, landmarks in zip(load_images(folder, known), track.landmarks_px, strict=True):
        made = make_pseudo_fake(
            image, landmarks, np.random.default_rng(stream), config, _donor(folder, donor)
        )
        reals.append(made.real)
        fakes.append(made.image)
        recipe = dict(made.recipe)
    return Pair(reals, fakes, track, recipe)


def degrade_pair(pair: Pair, step: str, seed: int) -> Pair:
    """Both members through one step of the ladder, with the same parameters and the same noise."""
    return Pair(
        degrade(pair.real, step, seed), degrade(pair.fake, step, seed), pair.track, pair.recipe
    )


def roughen_pair(pair: Pair, rng: np.random.Generator) -> Pair:
    """Both members through the same random degradation, as in training."""
    rough = random_degradation(rng)
    return Pair(
        [rough(i) for i in pair.real], [rough(i) for i in pair.fake], pair.track, pair.recipe
    )


def _donor(folder: Path, known: KnownFace | None) -> Donor | None:
    if known is None:
        return None
    if known.item.source not in MAY_DONATE:
        raise DataError(
            f"{known.item.path}: the terms of {known.item.source} do not cover synthesis; "
            f"donors come from {', '.join(MAY_DONATE)}"
        )
    return load_images(folder, known)[0], known.track.landmarks_px[0]


def look_alikes(faces: Sequence[KnownFace], seed: int) -> list[KnownFace]:
    """For every face the most similarly shaped of a hundred random others, after Face X-ray (Li et al. 2020)."""
    rng = np.random.default_rng(seed)
    landmarks = np.stack([face.track.landmarks_px[0] for face in faces])
    donors = []
    for index, own in enumerate(landmarks):
        others = rng.integers(0, len(faces), DONOR_CANDIDATES)
        others = others[others != index]
        donors.append(faces[int(others[nearest_donors(own, landmarks[others], 1)[0]])])
    return donors


def item_seed(known: KnownFace, seed: int) -> list[int]:
    """Seed material that depends on the item's content, not on its place in a list."""
    return [seed, int(known.item.sha256[:12], 16)]
