"""What detectors give for real faces and their frozen pseudo-fakes, and for items as they are, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness import media
from likeness.data.degradations import degrade
from likeness.data.frozen_fakes import SEED, frozen_pair
from likeness.data.known_faces import KnownFace, load_images, renumbered
from likeness.data.nuisance import crop_features
from likeness.data.pairs import item_seed
from likeness.faces import align, face_quality
from likeness.faces.complexion import skin_ita_deg
from likeness.scoring import covariates_of
from likeness.types import Detector, Evidence, FaceQuality, FaceTrack, ImageArray

CLEAN = "clean"
TEST_SEED = SEED
"""Of the frozen pseudo-fakes, and of every draw that is made for an item as it is."""
Wanted = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Label in the table -> (detector, configuration)."""


@dataclass(frozen=True)
class Parts:
    """What one detector gave below the level of the file.

    Attributes:
        track: score of the main face; None where it was not scored.
        frames: score of each of its frames that was scored.
    """

    track: float | None
    frames: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scored:
    """What detectors gave for one item at one step.

    Attributes:
        label: 0 or 1.
        group: identity; a real and its pseudo-fake share it.
        step: step of the ladder.
        path: the item.
        scores: raw score per detector; None where it did not apply.
        covariates: quality of the face, and on the clean step `skin_ita_deg` (see `skin_ita_deg`).
        nuisance: what the leakage audit looks at; only on the clean step.
        kind: what was made: `real`, `pseudo_fake`, a swap, ...; see `clip_material.ClipCase` for clips.
        clip: whether neighbouring frames of a clip were shown, so that cues over time had a chance.
        parts: detector -> what it gave for the main face and its frames; only for clips.
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
    parts: Mapping[str, Parts] = field(default_factory=dict)

    def of_clip(self, kind: str) -> Scored:
        """The same, said of neighbouring frames of a clip."""
        return replace(self, kind=kind, clip=True)


def score_pair(
    folder: Path, known: KnownFace, steps: Sequence[str], detectors: Mapping[str, Detector]
) -> list[Scored]:
    """A real item and its frozen pseudo-fake through every step."""
    pair = frozen_pair(folder, known)
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
    found = {name: d.analyse(clip, (track,)) for name, d in detectors.items()}
    nuisance: tuple[float, ...] = ()
    covariates = covariates_of(_as_seen(track, images), 1)
    if step == CLEAN:
        nuisance = tuple(crop_features(align(images[0], track.landmarks_px[0]).image))
        covariates["skin_ita_deg"] = skin_ita_deg(images[0], track.landmarks_px[0])
    item = known.item
    return Scored(
        label,
        item.group,
        step,
        item.path,
        {name: usable_score(e) for name, e in found.items()},
        covariates,
        nuisance,
        "pseudo_fake" if label else "real",
        parts=parts_of(found, track.track_id) if len(images) > 1 else {},
    )


def parts_of(found: Mapping[str, Evidence], main: int) -> dict[str, Parts]:
    """What each detector gave for the main face and its frames."""
    parts = {}
    for name, evidence in found.items():
        own = [
            t for t in evidence.tracks if t.track_id in (main, None) and t.in_domain is not False
        ]
        if own:
            parts[name] = Parts(own[0].score, tuple(np.round(own[0].frame_scores, 5).tolist()))
    return parts


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
