"""Fitting of the component dictionaries: what a trained network still misses, averaged over people whose parts look alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from likeness.data.restoration_pairs import WearConfig
from likeness.errors import DataError
from likeness.faces.geometry import transform, warp
from likeness.generators._restore_components import (
    COMPONENTS,
    ComponentDictionaries,
    Dictionary,
    key_of,
    lightness,
    upright,
    window,
)
from likeness.generators._restore_settings import ComponentFit
from likeness.types import DoubleArray, FloatArray, ImageArray, IndexArray

LEAST_PEOPLE = 8
"""An entry averages at least so many different people."""
_ROUNDS = 12
_LEAST_DOUBT = 0.02  # of likeness, between no and full confidence
Restore = Callable[[ImageArray], FloatArray]
"""(N, S, S, 3) uint8 RGB -> (N, S, S, 3) float32 in [0, 1]."""


@dataclass(frozen=True, eq=False)
class KnownParts:
    """Upright parts of one component, of many faces.

    Attributes:
        keys: (N, D) float32 looks of the restored parts.
        missing: (N, h, w) float32 lightness of the true part less that of the restored one.
        people: identity of each.
    """

    keys: FloatArray
    missing: FloatArray
    people: tuple[str, ...]

    def take(self, rows: IndexArray) -> KnownParts:
        """The parts at these rows."""
        return KnownParts(self.keys[rows], self.missing[rows], tuple(self.people[r] for r in rows))


def fit_components(
    faces: tuple[ImageArray, FloatArray, Sequence[str]],
    restore: Restore,
    size_px: int,
    wear: WearConfig,
    config: ComponentFit,
) -> ComponentDictionaries:
    """Dictionaries for a network.

    Args:
        faces: (N, S, S, 3) uint8 RGB, margin 0; (N, 478, 2) float32 landmarks; identity of each.
        restore: the network.
        size_px: side of what it sees.
        wear: what happens to the faces before they are restored.
        config: see `ComponentFit`.

    Raises:
        DataError: too few people.
    """
    scale = size_px / 192
    found = _parts(faces, restore, size_px, wear, config)
    rng = np.random.default_rng(config.seed)
    people = sorted(set(faces[2]))
    if len(people) < 2 * LEAST_PEOPLE:
        raise DataError(f"dictionaries need {2 * LEAST_PEOPLE} people or more, got {len(people)}")
    count = max(1, round(config.held_out * len(people)))
    held = set(rng.permutation(people)[:count].tolist())
    dictionaries = {}
    for name, parts in found.items():
        out = np.array([p in held for p in parts.people])
        learn, check = parts.take(np.flatnonzero(~out)), parts.take(np.flatnonzero(out))
        dictionaries[name] = _dictionary(learn, check, config, rng)
    return ComponentDictionaries(dictionaries, scale)


def _parts(
    faces: tuple[ImageArray, FloatArray, Sequence[str]],
    restore: Restore,
    size_px: int,
    wear: WearConfig,
    config: ComponentFit,
) -> dict[str, KnownParts]:
    images, landmarks, people = faces
    keys: dict[str, list[FloatArray]] = {c.name: [] for c in COMPONENTS}
    missing: dict[str, list[FloatArray]] = {c.name: [] for c in COMPONENTS}
    whose: dict[str, list[str]] = {c.name: [] for c in COMPONENTS}
    place = placement(images.shape[1], size_px)
    for row, image in enumerate(images):
        clean = warp(image, place, size_px, "reflect")
        points = transform(landmarks[row].astype(np.float64), place)
        rngs = [np.random.default_rng([config.seed, row, i]) for i in range(config.wears)]
        worn = np.stack([wear.draw(rng)(clean) for rng in rngs])
        for face in restore(worn):
            for component in COMPONENTS:
                matrix = component.matrix(points, size_px / 192)
                part = upright(face, matrix, component, size_px / 192)
                true = upright(
                    clean.astype(np.float32) / np.float32(255), matrix, component, size_px / 192
                )
                keys[component.name].append(key_of(part))
                missing[component.name].append(lightness(true - part))
                whose[component.name].append(people[row])
    return {
        name: KnownParts(np.stack(keys[name]), np.stack(missing[name]), tuple(whose[name]))
        for name in keys
    }


def placement(side_px: int, size_px: int) -> DoubleArray:
    """(2, 3) from a face cut with margin 0 to what the network sees, which has a quarter more on each side."""
    scale = size_px / 1.5 / side_px
    shift = (size_px - 1) / 2 - scale * (side_px - 1) / 2
    return np.array([[scale, 0.0, shift], [0.0, scale, shift]])


def _dictionary(
    learn: KnownParts, check: KnownParts, config: ComponentFit, rng: np.random.Generator
) -> Dictionary:
    centres = _clusters(learn.keys, min(config.entries, len(learn.keys) // LEAST_PEOPLE), rng)
    owner = np.argmax(learn.keys @ centres.T, axis=1)
    kept, details = [], []
    for entry in range(len(centres)):
        rows = np.flatnonzero(owner == entry)
        if len({learn.people[r] for r in rows}) >= LEAST_PEOPLE:
            kept.append(entry)
            details.append(learn.missing[rows].mean(axis=0))
    if not kept:
        raise DataError(f"no entry of a dictionary reached {LEAST_PEOPLE} people; give more faces")
    keys = centres[kept]
    likeness = (learn.keys @ keys.T).max(axis=1)
    high = float(np.percentile(likeness, 75))
    sure = (min(float(np.percentile(likeness, 5)), high - _LEAST_DOUBT), high)
    plain = Dictionary(
        keys, np.stack(details).astype(np.float32), np.ones(len(keys), np.float32), sure
    )
    return Dictionary(plain.keys, plain.details, _gains(plain, check), sure)


def _gains(known: Dictionary, check: KnownParts) -> FloatArray:
    """(K,) within 0-1: the factor with which an entry comes nearest to what people who are not in it lack; least squares."""
    rim = window(known.details.shape[1:])
    wanted = np.zeros(len(known.keys))
    size = np.full(len(known.keys), 1e-9)
    for key, missing in zip(check.keys, check.missing, strict=True):
        best, confidence = known.match(key)
        detail = confidence * known.details[best] * rim
        wanted[best] += float((detail * missing).sum())
        size[best] += float(np.square(detail).sum())
    return np.clip(wanted / size, 0.0, 1.0).astype(np.float32)


def _clusters(keys: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """(K, D) centres of length 1 by spherical k-means (Dhillon and Modha 2001)."""
    centres = keys[rng.choice(len(keys), max(1, count), replace=False)]
    for _ in range(_ROUNDS):
        owner = np.argmax(keys @ centres.T, axis=1)
        for entry in range(len(centres)):
            mine = keys[owner == entry]
            if len(mine):
                mean = mine.mean(axis=0)
                centres[entry] = mean / max(float(np.linalg.norm(mean)), 1e-6)
    return centres
