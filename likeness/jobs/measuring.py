"""What detectors give for real faces and their pseudo-fakes, step by step, in a pool of processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from likeness import media, registry
from likeness.data.degradations import degrade
from likeness.data.known_faces import KnownFace, load_images, renumbered
from likeness.data.nuisance import crop_features
from likeness.data.pairs import item_seed, make_pair
from likeness.faces import align, face_quality
from likeness.jobs.detect import fitted_on
from likeness.scoring import covariates_of
from likeness.types import Detector, Evidence, FaceQuality, FaceTrack, ImageArray

CLEAN = "clean"
TEST_SEED = 20260101
"""Seed of every test pseudo-fake; with the engine's configuration it freezes the test sets."""
Wanted = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Label in the table -> (detector, configuration)."""


@dataclass(frozen=True)
class Scored:
    """What detectors gave for one item at one step.

    Attributes:
        label: 0 or 1.
        group: identity; a real and its pseudo-fake share it.
        step: step of the ladder.
        path: the item.
        scores: raw score per detector; None where it did not apply.
        covariates: quality of the face.
        nuisance: what the leakage audit looks at; only on the clean step.
        kind: what was made: `real`, `pseudo_fake`, a swap, ...; see `clip_material.ClipCase` for clips.
        clip: whether neighbouring frames of a clip were shown, so that cues over time had a chance.
    """

    label: int
    group: str
    step: str
    path: str
    scores: Mapping[str, float | None]
    covariates: Mapping[str, float]
    nuisance: tuple[float, ...] = field(default=())
    kind: str = ""
    clip: bool = False

    def of_clip(self, kind: str) -> Scored:
        """The same, said of neighbouring frames of a clip."""
        return replace(self, kind=kind, clip=True)


@dataclass(frozen=True)
class _Worker:
    """What a worker process holds: the data folder, the built detectors, and the labels of those that need neighbours."""

    folder: Path
    steps: tuple[str, ...]
    detectors: Mapping[str, Detector]
    over_time: tuple[str, ...]


@contextmanager
def measuring_pool(
    folder: Path, steps: Sequence[str], wanted: Wanted
) -> Iterator[ProcessPoolExecutor]:
    """Two processes with the detectors built; hand it to `measure`."""
    arguments = (folder, tuple(steps), wanted)
    with ProcessPoolExecutor(2, get_context("spawn"), _start, arguments) as pool:
        yield pool


def measure(
    pool: ProcessPoolExecutor, faces: Sequence[KnownFace], alone: bool = False
) -> Iterator[list[Scored]]:
    """Per face what the detectors gave on every step.

    Args:
        pool: see `measuring_pool`.
        faces: real items, each measured with its pseudo-fake; or any items with `alone`.
        alone: measure the items as they are, format-matched, without pseudo-fakes.
    """
    yield from pool.map(_measure_one, [(face, alone) for face in faces], chunksize=2)


def score_pair(
    folder: Path, known: KnownFace, steps: Sequence[str], detectors: Mapping[str, Detector]
) -> list[Scored]:
    """A real item and its pseudo-fake through every step."""
    pair = make_pair(folder, known, TEST_SEED)
    return [
        scored
        for step in steps
        for label, images in enumerate((pair.real, pair.fake))
        for scored in [_score(known, images, pair.track, label, step, detectors)]
    ]


def score_item(
    folder: Path, known: KnownFace, steps: Sequence[str], detectors: Mapping[str, Detector]
) -> list[Scored]:
    """One item as it is, re-encoded at a random quality that knows nothing of its label."""
    rng = np.random.default_rng(item_seed(known, TEST_SEED))
    quality = int(rng.integers(60, 96))
    images = [media.jpeg_round_trip(i, quality) for i in load_images(folder, known)]
    track = renumbered(known.track)
    return [_score(known, images, track, known.item.label, step, detectors) for step in steps]


def _score(
    known: KnownFace,
    images: Sequence[ImageArray],
    track: FaceTrack,
    label: int,
    step: str,
    detectors: Mapping[str, Detector],
) -> Scored:
    if step != CLEAN:
        images = degrade(list(images), step, TEST_SEED)
    clip = media.clip_from_frames(images)
    scores = {name: usable_score(d.analyse(clip, (track,))) for name, d in detectors.items()}
    nuisance: tuple[float, ...] = ()
    if step == CLEAN:
        nuisance = tuple(crop_features(align(images[0], track.landmarks_px[0]).image))
    covariates = covariates_of(_as_seen(track, images), 1)
    kind = "pseudo_fake" if label else "real"
    return Scored(
        label, known.item.group, step, known.item.path, scores, covariates, nuisance, kind
    )


def usable_score(evidence: Evidence) -> float | None:
    """The score, unless the detector did not apply or itself says that its score means nothing here."""
    if evidence.tracks and all(t.in_domain is False for t in evidence.tracks):
        return None
    return evidence.score


def _as_seen(track: FaceTrack, images: Sequence[ImageArray]) -> FaceTrack:
    """The track with the quality that its faces have in these pictures, which a step may have lowered."""
    seen = [
        face_quality(image, points[None])
        for image, points in zip(images, track.landmarks_px, strict=True)
    ]
    names = [f.name for f in fields(FaceQuality)]
    quality = FaceQuality(**{n: np.concatenate([getattr(q, n) for q in seen]) for n in names})
    return replace(track, quality=quality)


_WORKER: list[_Worker] = []


def _start(folder: Path, steps: tuple[str, ...], wanted: Wanted) -> None:
    """Build the detectors once per worker process; a process pool offers no other place to keep them."""
    import cv2

    cv2.setNumThreads(1)
    # Single frames picked out of a clip tell a cue over time nothing true: it is not asked.
    over_time = tuple(label for label, (name, _) in wanted.items() if fitted_on(name) == "clips")
    built = {
        label: registry.build("detectors", n, o)
        for label, (n, o) in wanted.items()
        if label not in over_time
    }
    _WORKER.append(_Worker(folder, steps, built, over_time))


def _measure_one(work: tuple[KnownFace, bool]) -> list[Scored]:
    known, alone = work
    worker = _WORKER[0]
    score = score_item if alone else score_pair
    rows = score(worker.folder, known, worker.steps, worker.detectors)
    silent = dict.fromkeys(worker.over_time)
    return [replace(row, scores={**row.scores, **silent}) for row in rows]
